/** `late 10m`, `labels 2d`, `retain 30d` …: the options of a stream, with their defaults. */
import type { StreamDecl, StreamOption, TableDecl } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-streams.ts';
import type { LogicalStream } from './logical.ts';
import type { Report } from './report.ts';

export type StreamOptions = Pick<
  LogicalStream,
  | 'lateMs'
  | 'labelsLateMs'
  | 'aheadMs'
  | 'delayMs'
  | 'retainMs'
  | 'dedupMs'
  | 'dedupGlobal'
  | 'holdMs'
  | 'malformedMax'
>;

const HOUR_MS = 3_600_000;

/** What a stream has that says nothing: no lateness, an hour ahead, six hours of hold. */
export const DEFAULT_OPTIONS: StreamOptions = {
  lateMs: 0,
  labelsLateMs: null,
  aheadMs: HOUR_MS,
  delayMs: 0,
  retainMs: null,
  dedupMs: null,
  dedupGlobal: false,
  holdMs: 6 * HOUR_MS,
  malformedMax: null,
};

/** How each option is written, for messages; also the list of those there are. */
const FORMS: Readonly<Record<string, string>> = {
  late: 'late 10m',
  labels: 'labels 2d',
  ahead: 'ahead 1h',
  delay: 'delay 10m',
  retain: 'retain 30d',
  dedup: 'dedup 1d` or `dedup global',
  hold: 'hold 6h',
  malformed: 'malformed <= 1%',
};

/** Options that mean nothing for a table: it feeds neither windows nor labels. */
const STREAM_ONLY = ['labels', 'delay', 'hold', 'retain'];

/** Reports unknown, repeated and ill-formed options; each that is wrong keeps its default. */
export function streamOptions(decl: StreamDecl | TableDecl, report: Report): StreamOptions {
  const found: { -readonly [K in keyof StreamOptions]: StreamOptions[K] } = { ...DEFAULT_OPTIONS };
  const seen = new Set<string>();
  for (const option of decl.options) {
    const name = option.name.text;
    if (FORMS[name] === undefined) {
      report.add(say.unknownOption(option, Object.keys(FORMS)));
      continue;
    }
    // `dedup 1d, dedup global` are two things that may both be said.
    const slot = name === 'dedup' && option.word !== null ? 'dedup global' : name;
    if (seen.has(slot)) report.add(say.duplicateOption(option));
    else if (!isMeaningful(decl, name)) report.add(say.optionNotHere(option, owner(decl)));
    else takeOption(option, found, report);
    seen.add(slot);
  }
  const labels = decl.options.find((o) => o.name.text === 'labels');
  if (labels && found.labelsLateMs !== null && found.labelsLateMs <= found.lateMs) {
    report.add(say.labelsBelowLate(labels));
  }
  checkRetained(decl, found, report);
  return found;
}

/** What is remembered of events for longer than they are kept themselves. */
function checkRetained(
  decl: StreamDecl | TableDecl,
  { retainMs }: StreamOptions,
  report: Report,
): void {
  const retain = decl.options.find(({ name }) => name.text === 'retain')?.duration;
  if (retainMs === null || !retain) return;
  for (const option of decl.options) {
    const { name, duration } = option;
    if (!['late', 'labels', 'dedup'].includes(name.text) || (duration?.ms ?? 0) <= retainMs)
      continue;
    const kept = { stream: decl.name.text, text: retain.text, ms: retainMs };
    report.add(say.longerThanRetain(option.span, `\`${name.text} ${duration!.text}\``, kept));
  }
}

function isMeaningful(decl: StreamDecl | TableDecl, name: string): boolean {
  if (decl.kind === 'stream') return true;
  return decl.isStatic ? name === 'malformed' : !STREAM_ONLY.includes(name);
}

function owner(decl: StreamDecl | TableDecl): string {
  if (decl.kind === 'stream') return 'a stream';
  return decl.isStatic ? 'a static table' : 'a table';
}

function takeOption(
  option: StreamOption,
  found: { -readonly [K in keyof StreamOptions]: StreamOptions[K] },
  report: Report,
): void {
  const name = option.name.text;
  const illFormed = () => report.add(say.optionForm(option, FORMS[name]!));
  if (name === 'malformed') {
    if (option.number === null) illFormed();
    else if (option.number < 0 || option.number > 1) {
      report.add(say.optionRange(option, 'a share of records is between 0% and 100%'));
    } else found.malformedMax = option.number;
    return;
  }
  if (name === 'dedup' && option.word !== null) {
    if (option.word.text === 'global') found.dedupGlobal = true;
    else illFormed();
    return;
  }
  if (option.duration === null) {
    illFormed();
    return;
  }
  takeDuration(name, option, found, report);
}

function takeDuration(
  name: string,
  option: StreamOption,
  found: { -readonly [K in keyof StreamOptions]: StreamOptions[K] },
  report: Report,
): void {
  const { ms } = option.duration!;
  if (ms <= 0 && ['retain', 'dedup', 'ahead'].includes(name)) {
    report.add(say.optionRange(option, `\`${name}\` must be longer than 0`));
    return;
  }
  if (name === 'late') found.lateMs = ms;
  else if (name === 'labels') found.labelsLateMs = ms;
  else if (name === 'ahead') found.aheadMs = ms;
  else if (name === 'delay') found.delayMs = ms;
  else if (name === 'retain') found.retainMs = ms;
  else if (name === 'dedup') found.dedupMs = ms;
  else found.holdMs = ms;
}
