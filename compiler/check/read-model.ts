/**
 * The clauses of a model block, read into what they say; what they mean for the example set is checked in models.ts.
 *
 *   embed COLUMN, … [shared] [dim N] [pool mean|sum|attention(COLUMN)]
 *   net   dcn(cross: N, deep: [N, …]) | deepfm(deep: [N, …])
 *   heads single(L) | shared(L, …) | mmoe(L, …, experts: N) | esmm(L -> L)
 *   publish DURATION [full DURATION]
 *   gate  ne(L) <= X [* baseline] | calibration(L) in X .. Y | rate(L) in X .. Y, …
 *   batch N    admit N    rows N    expire DURATION    learn [rows X] [dense X]
 */
import type { Name, Span } from '../../dsl/ast.ts';
import * as say from '../../dsl/messages-models.ts';
import { cover } from '../../dsl/span.ts';
import { modelTokens, type Token } from './model-tokens.ts';
import type { Report } from './report.ts';

export type Amount = { readonly value: number; readonly span: Span };

export type EmbedClause = {
  readonly columns: readonly Name[];
  readonly shared: boolean;
  readonly dim: Amount | null;
  readonly pool: { readonly kind: Name; readonly target: Name | null } | null;
  readonly span: Span;
};

/** `dcn(cross: 2, deep: [256, 128])`, `esmm(clicked -> purchased)`: a word with arguments of three forms. */
export type CallClause = {
  readonly fn: Name;
  readonly names: readonly Name[];
  /** Names joined by `->`, not by commas. */
  readonly arrows: boolean;
  readonly numbers: ReadonlyMap<string, readonly Amount[]>;
  readonly span: Span;
};

export type GateClause = {
  readonly fn: Name;
  readonly label: Name;
  readonly min: Amount | null;
  readonly max: Amount | null;
  readonly times: Name | null;
  readonly span: Span;
};

export type ModelClauses = {
  readonly embeds: readonly EmbedClause[];
  readonly net: CallClause | null;
  readonly heads: CallClause | null;
  readonly gates: readonly GateClause[];
  /** publish, full, batch, admit, rows, expire, learn rows, learn dense: by name. */
  readonly amounts: ReadonlyMap<string, Amount>;
};

const CLAUSES = [
  ...['embed', 'net', 'heads', 'publish', 'gate'],
  ...['batch', 'admit', 'rows', 'expire', 'learn'],
] as const;

/** Reads every clause; a clause that cannot be read is reported, at its place, and left out. */
export function readModel(
  clauses: readonly { readonly span: Span }[],
  text: string,
  report: Report,
): ModelClauses {
  const embeds: EmbedClause[] = [];
  const gates: GateClause[] = [];
  const amounts = new Map<string, Amount>();
  const calls = new Map<string, CallClause>();
  for (const { span } of clauses) {
    const reader = new ClauseReader(modelTokens(text, span));
    try {
      const word = reader.name('a clause');
      const before = amounts.has(word.text) || calls.has(word.text);
      if (before) report.add(say.clauseTwice(word));
      else if (word.text === 'embed') embeds.push(readEmbed(reader, span));
      else if (word.text === 'gate') gates.push(...reader.list(() => readGate(reader)));
      else if (word.text === 'net' || word.text === 'heads') calls.set(word.text, readCall(reader));
      else if (word.text === 'publish') readPublish(reader, word, amounts);
      else if (word.text === 'learn') readLearn(reader, amounts);
      else if (word.text === 'expire') amounts.set('expire', reader.duration());
      else if (CLAUSES.some((name) => name === word.text)) amounts.set(word.text, reader.number());
      else report.add(say.unknownClause(word, CLAUSES));
      if (!before && CLAUSES.some((name) => name === word.text)) reader.end();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      report.add(say.clauseForm(error.token.span, error.expected, error.token.text));
    }
  }
  const net = calls.get('net') ?? null;
  return { embeds, net, heads: calls.get('heads') ?? null, gates, amounts };
}

function readEmbed(reader: ClauseReader, span: Span): EmbedClause {
  const columns = reader.list(() => reader.name('a column'));
  const shared = reader.word('shared');
  const dim = reader.word('dim') ? reader.number() : null;
  if (!reader.word('pool')) return { columns, shared, dim, pool: null, span };
  const kind = reader.name('mean, sum or attention');
  const target = reader.sign('(') ? reader.name('a column') : null;
  if (target !== null) reader.must(')');
  return { columns, shared, dim, pool: { kind, target }, span };
}

function readCall(reader: ClauseReader): CallClause {
  const fn = reader.name('a name');
  const names: Name[] = [];
  const numbers = new Map<string, readonly Amount[]>();
  let arrows = false;
  let last = fn.span;
  if (reader.sign('(')) {
    while (!reader.at(')')) {
      const name = reader.name('an argument');
      if (reader.sign(':')) numbers.set(name.text, readNumbers(reader));
      else names.push(name);
      if (reader.sign('->')) arrows = true;
      else if (!reader.sign(',')) break;
    }
    last = reader.must(')').span;
  }
  return { fn, names, arrows, numbers, span: cover(fn.span, last) };
}

function readNumbers(reader: ClauseReader): Amount[] {
  if (!reader.sign('[')) return [reader.number()];
  const found = reader.at(']') ? [] : reader.list(() => reader.number());
  reader.must(']');
  return found;
}

function readGate(reader: ClauseReader): GateClause {
  const fn = reader.name('ne, calibration or rate');
  reader.must('(');
  const label = reader.name('a label');
  const close = reader.must(')');
  const span = cover(fn.span, close.span);
  if (reader.word('in')) {
    const min = reader.number();
    reader.must('..');
    return { fn, label, min, max: reader.number(), times: null, span };
  }
  reader.must('<=');
  const max = reader.number();
  const times = reader.sign('*') ? reader.name('baseline') : null;
  return { fn, label, min: null, max, times, span };
}

function readPublish(reader: ClauseReader, word: Name, amounts: Map<string, Amount>): void {
  amounts.set(word.text, reader.duration());
  if (reader.word('full')) amounts.set('full', reader.duration());
}

function readLearn(reader: ClauseReader, amounts: Map<string, Amount>): void {
  if (reader.word('rows')) amounts.set('learn rows', reader.number());
  if (reader.word('dense')) amounts.set('learn dense', reader.number());
}

class Unreadable {
  readonly token: Token;
  readonly expected: string;

  constructor(token: Token, expected: string) {
    this.token = token;
    this.expected = expected;
  }
}

/** Takes one token after another; what does not fit is thrown as Unreadable. */
class ClauseReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  name(expected: string): Name {
    const token = this.#take('name', expected);
    return { text: token.text, span: token.span };
  }

  number(): Amount {
    return this.#take('number', 'a number');
  }

  duration(): Amount {
    return this.#take('duration', 'a duration, such as 1m');
  }

  list<T>(one: () => T): T[] {
    const found = [one()];
    while (this.sign(',')) found.push(one());
    return found;
  }

  /** Takes the word if it comes next. */
  word(text: string): boolean {
    return this.#maybe('name', text);
  }

  sign(text: string): boolean {
    return this.#maybe('sign', text);
  }

  at(text: string): boolean {
    return this.#tokens[this.#at]!.text === text;
  }

  must(text: string): Token {
    const token = this.#tokens[this.#at]!;
    if (token.kind !== 'sign' || token.text !== text) throw new Unreadable(token, `\`${text}\``);
    this.#at++;
    return token;
  }

  end(): void {
    const token = this.#tokens[this.#at]!;
    if (token.kind !== 'end') throw new Unreadable(token, 'the end of the clause');
  }

  #take(kind: Token['kind'], expected: string): Token {
    const token = this.#tokens[this.#at]!;
    if (token.kind !== kind) throw new Unreadable(token, expected);
    this.#at++;
    return token;
  }

  #maybe(kind: Token['kind'], text: string): boolean {
    const token = this.#tokens[this.#at]!;
    if (token.kind !== kind || token.text !== text) return false;
    this.#at++;
    return true;
  }
}
