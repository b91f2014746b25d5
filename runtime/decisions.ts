/**
 * The decision log: what came from a clock or a person, written before anybody acts on it. The same events and the same
 * decisions give the same bytes.
 */
import { LOG_READ_BYTES } from './config.ts';
import type { LogPartition } from './log.ts';

/** `complete`: the streams end where their files end, so every wait elapses. `at` is the wall clock, for people only. */
export type Decision = { readonly kind: 'started' | 'complete'; readonly at: string };

export class DecisionLog {
  readonly #log: LogPartition;
  readonly #taken: Decision[];

  private constructor(log: LogPartition, taken: Decision[]) {
    this.#log = log;
    this.#taken = taken;
  }

  static async open(log: LogPartition): Promise<DecisionLog> {
    const taken: Decision[] = [];
    for (let at = log.start; at < log.end; ) {
      const records = await log.read(at, LOG_READ_BYTES);
      for (const record of records) {
        taken.push(JSON.parse(Buffer.from(record.value).toString()));
      }
      at = records.at(-1)!.offset + 1;
    }
    return new DecisionLog(log, taken);
  }

  has(kind: Decision['kind']): boolean {
    return this.#taken.some((decision) => decision.kind === kind);
  }

  /** Durable on return; taking the same one twice writes nothing. */
  async take(kind: Decision['kind'], now: Date): Promise<void> {
    if (this.has(kind)) return;
    const decision: Decision = { kind, at: now.toISOString() };
    await this.#log.append([Buffer.from(JSON.stringify(decision))]);
    this.#taken.push(decision);
  }
}
