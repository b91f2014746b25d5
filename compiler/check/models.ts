/** Model blocks: their clauses judged against the example set they train on, with every default filled in. */
import type { File, ModelDecl, Name } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-models.ts';
import * as sayNames from '../../dsl/messages-names.ts';
import type { LogicalExamples, LogicalLabel } from './logical.ts';
import { modelHeads } from './model-heads.ts';
import type { GatePlan, HeadsPlan, ModelPlan, NetPlan } from './model-plan.ts';
import { modelTables } from './model-tables.ts';
import {
  type Amount,
  type CallClause,
  type GateClause,
  type ModelClauses,
  readModel,
} from './read-model.ts';
import type { Report } from './report.ts';
import type { Symbols } from './symbols.ts';

export type ModelContext = {
  readonly symbols: Symbols;
  readonly report: Report;
  readonly labels: { readonly logical: readonly LogicalLabel[] };
  readonly examples: readonly LogicalExamples[];
};

/** Every model, by name; one whose example set has a mistake is read and left out. */
export function resolveModels(files: readonly File[], context: ModelContext): ModelPlan[] {
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  const names = [...context.symbols.models.keys()].sort();
  return names.flatMap((name) => {
    const decl = context.symbols.models.get(name)!;
    const set = exampleSet(decl.from, context);
    const clauses = readModel(decl.clauses, texts.get(decl.span.file) ?? '', context.report);
    const model = set === null ? null : modelPlan({ decl, set, clauses }, context);
    return model === null ? [] : [model];
  });
}

function exampleSet(
  from: Name,
  { symbols, report, examples }: ModelContext,
): LogicalExamples | null {
  if (symbols.examples.has(from.text))
    return examples.find(({ name }) => name === from.text) ?? null;
  const decl = symbols.values.get(from.text);
  const known = [...symbols.examples.keys()].sort();
  report.add(
    decl === undefined
      ? sayNames.unknownName(from, 'example set', known)
      : sayNames.wrongKind(from, 'example set', decl.kind, null),
  );
  return null;
}

type Block = {
  readonly decl: ModelDecl;
  readonly set: LogicalExamples;
  readonly clauses: ModelClauses;
};

function modelPlan({ decl, set, clauses }: Block, context: ModelContext): ModelPlan | null {
  const { report } = context;
  const heads = modelHeads(clauses.heads, { decl, set }, context);
  const tables = modelTables(clauses.embeds, set, report);
  const net = modelNet(clauses.net, report);
  const amount = (name: string, range: AmountRange) =>
    inRange(clauses.amounts.get(name), { name, ...range }, report);
  const publishMs = amount('publish', { fallback: 60_000, min: 1_000, max: YEAR_MS });
  const expires = clauses.amounts.has('expire');
  const plan = {
    name: decl.name.text,
    from: set.name,
    tables,
    net,
    publishMs,
    fullMs: amount('full', { fallback: publishMs * 60, min: publishMs, max: YEAR_MS * 10 }),
    batch: amount('batch', { fallback: 256, min: 1, max: 65_536, whole: true }),
    admit: amount('admit', { fallback: 2, min: 1, max: 255, whole: true }),
    rowsMax: amount('rows', { fallback: 16_777_216, min: 1_024, max: 268_435_456, whole: true }),
    expireMs: expires ? amount('expire', { fallback: 0, min: 1_000, max: YEAR_MS * 10 }) : null,
    learnRows: amount('learn rows', { fallback: 0.05, min: 1e-6, max: 10 }),
    learnDense: amount('learn dense', { fallback: 0.001, min: 1e-6, max: 1 }),
  };
  if (heads === null) return null;
  const gates = clauses.gates.flatMap((gate) => modelGate(gate, heads, report) ?? []);
  return { ...plan, heads, gates };
}

const YEAR_MS = 366 * 86_400_000;

type AmountRange = {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
};

function inRange(
  given: Amount | undefined,
  range: AmountRange & { readonly name: string },
  report: Report,
): number {
  if (given === undefined) return range.fallback;
  const { value, span } = given;
  const whole = range.whole === true;
  if (value >= range.min && value <= range.max && (!whole || Number.isInteger(value))) return value;
  const text = `${whole ? 'a whole number ' : ''}from ${range.min} to ${range.max}`;
  report.add(say.amountRange(span, `\`${range.name}\``, text));
  return range.fallback;
}

const NETS = ['dcn', 'deepfm'] as const;
const NET_USAGE = { dcn: 'dcn(cross: 2, deep: [256, 128])', deepfm: 'deepfm(deep: [256, 128])' };
const NET_DEFAULT: NetPlan = { kind: 'dcn', cross: 2, deep: [256, 128] };
const UNITS_MAX = 8_192;
const LAYERS_MAX = 8;

function modelNet(clause: CallClause | null, report: Report): NetPlan {
  if (clause === null) return NET_DEFAULT;
  const kind = NETS.find((name) => name === clause.fn.text);
  if (kind === undefined) {
    report.add(say.unknownChoice(clause.fn, 'net', NETS));
    return NET_DEFAULT;
  }
  const usage = NET_USAGE[kind];
  const takes = kind === 'dcn' ? ['cross', 'deep'] : ['deep'];
  for (const name of [...clause.numbers.keys(), ...clause.names.map(({ text }) => text)]) {
    if (!takes.includes(name)) report.add(say.unknownArgument(clause.span, kind, name, usage));
  }
  const cross = kind === 'deepfm' ? undefined : clause.numbers.get('cross')?.[0];
  const deep = clause.numbers.get('deep');
  if (deep !== undefined && deep.length > LAYERS_MAX) {
    report.add(say.amountRange(clause.span, '`deep`', `at most ${LAYERS_MAX} layers`));
  }
  const units = { name: 'deep', fallback: 1, min: 1, max: UNITS_MAX, whole: true };
  const crosses = { name: 'cross', fallback: 2, min: 0, max: LAYERS_MAX, whole: true };
  return {
    kind,
    cross: kind === 'deepfm' ? 0 : inRange(cross, crosses, report),
    deep: deep?.map((each) => inRange(each, units, report)) ?? NET_DEFAULT.deep,
  };
}

const GATES = ['ne', 'calibration', 'rate'] as const;

function modelGate(gate: GateClause, heads: HeadsPlan, report: Report): GatePlan | null {
  const kind = GATES.find((name) => name === gate.fn.text);
  const { label, min, max } = gate;
  if (kind === undefined) {
    report.add(say.unknownChoice(gate.fn, 'gate', GATES));
    return null;
  }
  if (!heads.labels.includes(label.text)) {
    report.add(say.headlessLabel(label, heads.labels));
    return null;
  }
  if (kind === 'ne') {
    const isForm = min === null && (gate.times === null || gate.times.text === 'baseline');
    if (!isForm) report.add(say.gateForm(gate.span, `ne(${label.text}) <= 1.02 * baseline`));
    return { kind, label: label.text, max: max!.value, baseline: gate.times !== null };
  }
  if (min === null) report.add(say.gateForm(gate.span, `${kind}(${label.text}) in 0.9 .. 1.1`));
  return { kind, label: label.text, min: min?.value ?? 0, max: max!.value };
}
