/**
 * The decision log: what came from a clock, a person or a judgement, written before anybody acts on it. The same events and
 * the same decisions give the same bytes.
 *
 * A closed union with a version. Times that are event time are `JsonTime`s; `at` is the wall clock, for people only.
 *
 *   started       a run of this plan began
 *   complete      the streams end where their files end, so every wait elapses
 *   verdict       a bucket of an example set was judged (operators/checks/gate.ts)
 *   release, drop a person let a lot of kept rows go, or gave it up, when everything emitted before `k` was out
 *   erase         a person's events before `k` are as if they had never been written (erasure.ts): the run is made again, and
 *                 verdicts, releases and drops before this entry are of rows that are no more
 *   idle          a live partition, read up to `end`, is silent: what comes later with a time below `floor` is late
 *   plan          the plan changes to `to` for anchors at or after event time `from`
 *   handed_over   an application on Kafka goes on from the state (hand-over.ts)
 */
import type { ErasedKey, Erasure } from '../../operators/scan/erasure.ts';
import { LOG_READ_BYTES } from '../config.ts';
import { Fault } from '../fault.ts';
import { fromJsonTime, type JsonTime } from '../json-time.ts';
import type { LogPartition } from './log.ts';

export const DECISIONS_VERSION = 1;

export type VerdictDecision = {
  readonly kind: 'verdict';
  readonly set: string;
  readonly bucket: number;
  /** Emission times [from, to), ms, and rows. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** Why it must not land; empty: it landed. */
  readonly failed: readonly string[];
};

export type LotDecision = {
  readonly kind: 'release' | 'drop';
  readonly set: string;
  readonly lot: string;
  readonly k: JsonTime;
  readonly at: string;
};

export type EraseDecision = {
  readonly kind: 'erase';
  readonly keys: readonly ErasedKey[];
  readonly k: JsonTime;
  readonly at: string;
};

export type Decision =
  | { readonly kind: 'started'; readonly plan: string; readonly at: string }
  | { readonly kind: 'complete'; readonly at: string }
  | VerdictDecision
  | LotDecision
  | EraseDecision
  | {
      readonly kind: 'idle';
      readonly topic: string;
      readonly partition: number;
      readonly end: number;
      readonly floor: number;
      readonly at: string;
    }
  | {
      readonly kind: 'plan';
      readonly to: string;
      readonly from: JsonTime;
      readonly at: string;
    }
  | {
      readonly kind: 'handed_over';
      readonly app: string;
      /** Of this handover: the application says it too. */
      readonly id: string;
      readonly at: string;
    };

const KINDS: ReadonlySet<string> = new Set<Decision['kind']>([
  'started',
  'complete',
  'verdict',
  'release',
  'drop',
  'erase',
  'idle',
  'plan',
  'handed_over',
]);

export function erasureOf({ keys, k }: EraseDecision): Erasure {
  return { keys, before: fromJsonTime(k) };
}

export class DecisionLog {
  readonly #log: LogPartition;
  readonly #taken: Decision[];
  /** Taken, and not in the log yet. */
  #pending: Decision[] = [];
  #lots: LotDecision[] = [];
  readonly #erasures: Erasure[] = [];
  readonly #verdicts = new Map<string, VerdictDecision>();

  private constructor(log: LogPartition, taken: Decision[]) {
    this.#log = log;
    this.#taken = taken;
    for (const decision of taken) this.#index(decision);
  }

  /** Throws a Fault where the log is of another version. */
  static async open(log: LogPartition): Promise<DecisionLog> {
    const taken: Decision[] = [];
    for (let at = log.start; at < log.end; ) {
      const records = await log.read(at, LOG_READ_BYTES);
      for (const record of records) taken.push(decode(record.value));
      at = records.at(-1)!.offset + 1;
    }
    return new DecisionLog(log, taken);
  }

  /** In the order they were taken. */
  get taken(): readonly Decision[] {
    return this.#taken;
  }

  /** Releases and drops in their order. */
  get lots(): readonly LotDecision[] {
    return this.#lots;
  }

  /** In their order. */
  get erasures(): readonly Erasure[] {
    return this.#erasures;
  }

  has(kind: Decision['kind']): boolean {
    return this.#taken.some((decision) => decision.kind === kind);
  }

  verdict(set: string, bucket: number): VerdictDecision | null {
    return this.#verdicts.get(`${set} ${bucket}`) ?? null;
  }

  /** Buckets of the set that were judged, and those of them that failed. */
  verdictCounts(set: string): { readonly judged: number; readonly failed: number } {
    const of = [...this.#verdicts.values()].filter((verdict) => verdict.set === set);
    return { judged: of.length, failed: of.filter(({ failed }) => failed.length > 0).length };
  }

  /** Durable on return. */
  async take(...decisions: readonly Decision[]): Promise<void> {
    for (const decision of decisions) this.note(decision);
    await this.flush();
  }

  /** Known at once, in the log with the next `flush`: for what nobody acts on before. */
  note(decision: Decision): void {
    this.#taken.push(decision);
    this.#index(decision);
    this.#pending.push(decision);
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const records = this.#pending.map(encode);
    this.#pending = [];
    await this.#log.append(records);
  }

  #index(decision: Decision): void {
    if (decision.kind === 'verdict')
      this.#verdicts.set(`${decision.set} ${decision.bucket}`, decision);
    else if (decision.kind === 'release' || decision.kind === 'drop') this.#lots.push(decision);
    else if (decision.kind === 'erase') {
      this.#erasures.push(erasureOf(decision));
      this.#verdicts.clear();
      this.#lots = [];
    }
  }
}

function encode(decision: Decision): Uint8Array {
  return Buffer.from(JSON.stringify({ version: DECISIONS_VERSION, ...decision }));
}

function decode(bytes: Uint8Array): Decision {
  const saved: { version?: unknown; kind?: unknown } = JSON.parse(Buffer.from(bytes).toString());
  if (saved.version !== DECISIONS_VERSION || !KINDS.has(String(saved.kind))) {
    throw new Fault(
      'decisions_version',
      `the decision log of this folder has an entry of format ${String(saved.version)}, kind ${String(saved.kind)}; this version reads format ${DECISIONS_VERSION}, kinds ${[...KINDS].join(', ')}. Go on with the version that wrote it, or start over with --fresh.`,
    );
  }
  const { version: _, ...decision } = saved;
  return decision as Decision;
}
