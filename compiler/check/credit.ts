/** Credit rules: as authors write them, and as text. */
import type { CreditNode, NamedArg } from '../../dsl/ast.ts';
import { type Credit, WHOLE_CREDIT } from '../../dsl/credit.ts';
import type { Diagnostic } from '../../dsl/diagnostic.ts';
import * as say from '../../dsl/messages-labels.ts';
import { durationText } from '../duration-text.ts';
import { literal } from './type-expression.ts';

/** Each rule as it is written; `last` is the default. */
const USAGE: Readonly<Record<Credit['kind'], string>> = {
  ...{ last: 'credit last', first: 'credit first', every: 'credit every', linear: 'credit linear' },
  position: 'credit position(first: 40%, last: 40%)',
  decay: 'credit decay(half_life: 1d)',
};

const ARGUMENTS: Readonly<Partial<Record<string, readonly string[]>>> = {
  position: ['first', 'last'],
  decay: ['half_life'],
};

/** Share of the oldest and of the newest touch where the author names none: the U-shape that analytics tools default to. */
const END_SHARE = 0.4;

type Reading = { readonly credit: Credit; readonly mistakes: readonly Diagnostic[] };

/** The rule that a label names. Where something is wrong with it, `credit` is another, so that checking goes on. */
export function readCredit(node: CreditNode | null): Reading {
  const kind = node === null ? 'last' : node.rule.text;
  if (node === null) return { credit: { kind: 'last' }, mistakes: [] };
  if (!isRule(kind)) {
    const mistakes = [say.unknownCredit(node.rule, Object.keys(USAGE))];
    return { credit: { kind: 'last' }, mistakes };
  }
  const mistakes = misplaced(node, kind);
  if (kind === 'position') return position(node, mistakes);
  if (kind === 'decay') return decay(node, mistakes);
  return { credit: { kind }, mistakes };
}

/** `position(first: 40%, last: 40%)`. */
export function creditText(credit: Credit): string {
  if (credit.kind === 'position') {
    const percent = (share: number) => `${share / (WHOLE_CREDIT / 100)}%`;
    return `position(first: ${percent(credit.first)}, last: ${percent(credit.last)})`;
  }
  return credit.kind === 'decay'
    ? `decay(half_life: ${durationText(credit.halfLifeMs)})`
    : credit.kind;
}

function isRule(name: string): name is Credit['kind'] {
  return Object.hasOwn(USAGE, name);
}

/** Arguments that the rule does not take, or takes once. */
function misplaced(node: CreditNode, kind: Credit['kind']): Diagnostic[] {
  const takes = ARGUMENTS[kind] ?? [];
  const usage = `write \`${USAGE[kind]}\``;
  const unnamed = node.args.map((arg) =>
    takes.length === 0
      ? say.creditArguments(arg.span, `\`credit ${kind}\` takes no argument`, usage)
      : say.creditArguments(arg.span, `an argument of \`credit ${kind}\` has a name`, usage),
  );
  const named = node.named.flatMap(({ name, span }, i) => {
    const { text } = name;
    if (!takes.includes(text)) {
      return [say.creditArguments(span, `\`credit ${kind}\` takes no \`${text}\``, usage)];
    }
    const isFirst = node.named.findIndex((other) => other.name.text === text) === i;
    return isFirst ? [] : [say.creditArguments(span, `\`${text}\` is given twice`, null)];
  });
  return [...unnamed, ...named];
}

function position(node: CreditNode, mistakes: Diagnostic[]): Reading {
  const share = (name: string): number => {
    const arg = argument(node, name);
    if (arg === undefined) return END_SHARE;
    const { value } = arg;
    const isShare = value.kind === 'percent' || value.kind === 'number';
    if (isShare && value.value >= 0 && value.value <= 1) return value.value;
    const message = `\`${name}\` is a share from 0% to 100% of the conversion`;
    mistakes.push(say.creditArguments(value.span, message, `write \`${USAGE.position}\``));
    return 0;
  };
  const [first, last] = ['first', 'last'].map((name) => Math.round(share(name) * WHOLE_CREDIT));
  if (first! + last! > WHOLE_CREDIT) {
    const all = (first! + last!) / (WHOLE_CREDIT / 100);
    mistakes.push(
      say.creditArguments(
        node.span,
        `the first and the last touch would get ${all}% of a conversion together`,
        `lower them to 100% or less (what is not given is ${END_SHARE * 100}%); the touches between share the rest`,
      ),
    );
  }
  return { credit: { kind: 'position', first: first!, last: last! }, mistakes };
}

function decay(node: CreditNode, mistakes: Diagnostic[]): Reading {
  const arg = argument(node, 'half_life');
  const known = arg === undefined ? undefined : literal(arg.value);
  const isDuration = known?.type.kind === 'scalar' && known.type.name === 'duration';
  const halfLifeMs = isDuration && typeof known?.value === 'number' ? known.value : 0;
  if (arg === undefined) {
    const message = '`credit decay` needs its half-life: the age at which a touch counts half';
    mistakes.push(say.creditArguments(node.span, message, `write \`${USAGE.decay}\``));
  } else if (halfLifeMs <= 0) {
    const message = 'a half-life is a duration longer than 0';
    mistakes.push(say.creditArguments(arg.value.span, message, `write \`${USAGE.decay}\``));
  }
  return { credit: { kind: 'decay', halfLifeMs: Math.max(halfLifeMs, 1) }, mistakes };
}

function argument(node: CreditNode, name: string): NamedArg | undefined {
  return node.named.find((each) => each.name.text === name);
}
