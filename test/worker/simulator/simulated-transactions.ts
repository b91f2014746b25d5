import {
  ClusterFault,
  type Partition,
  type ProducedRecord,
  type TransactionalProducer,
} from '../../../runtime/worker/cluster.ts';
import type { BrokerState } from './broker-state.ts';
import type { Canary } from './simulated-cluster.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A request that was sent again and again without an answer: its last copy may still be on its way, ms. */
const GAVE_UP_MS = 400;

/** Transactions with epochs; markers are written some time after an end is accepted, and answers may be lost. */
export class SimulatedTransactions implements TransactionalProducer {
  readonly #brokers: BrokerState;
  readonly #process: SimulatedProcess;
  readonly #id: string;
  readonly #canary: Canary;
  #epoch = 0;

  constructor(brokers: BrokerState, process: SimulatedProcess, id: string, canary: Canary) {
    this.#brokers = brokers;
    this.#process = process;
    // The mistake of giving every owner an id of its own: then nobody fences anybody.
    this.#id = canary === 'no_fence' ? `${id}-${process.random.below(1e9)}` : id;
    this.#canary = canary;
  }

  async fence(): Promise<void> {
    const { timeline } = this.#process;
    for (;;) {
      const epoch = await this.#process.request(() => {
        if (this.#brokers.isEnding(this.#id)) return null;
        if (this.#brokers.hasOpen(this.#id)) {
          // The coordinator aborts what the old holder left, under an epoch nobody has.
          this.#brokers.bump(this.#id);
          this.#mark(this.#brokers.end(this.#id, null, false), timeline.now);
          return null;
        }
        return this.#brokers.bump(this.#id);
      });
      if (epoch !== null) {
        this.#epoch = epoch;
        return;
      }
      await this.#process.sleep(20);
    }
  }

  async begin(): Promise<void> {}

  async send(to: Partition, records: readonly ProducedRecord[]): Promise<void> {
    for (;;) {
      try {
        await this.#process.request(() => this.#brokers.write(this.#id, this.#epoch, to, records));
        return;
      } catch (error) {
        if (!(error instanceof ClusterFault) || error.effect !== 'retriable') throw error;
        await this.#process.sleep(10);
      }
    }
  }

  async commit(): Promise<void> {
    const { random, weather } = this.#process;
    const end = () => {
      const now = this.#process.timeline.now;
      this.#mark(this.#brokers.end(this.#id, this.#epoch, true), now);
    };
    if (!random.chance(weather.loss * 3)) {
      await this.#process.request(end);
      return;
    }
    // No answer ever comes: the request was lost, or it takes effect now, or later than anybody waits.
    const fate = random.below(3);
    if (fate > 0) {
      this.#process.timeline.after(fate === 1 ? 5 : GAVE_UP_MS * 2 * random.next(), () => {
        try {
          end();
        } catch {
          // Fenced by then: nobody hears of it.
        }
      });
    }
    await this.#process.sleep(GAVE_UP_MS);
    if (this.#canary === 'hopeful_commit') return;
    throw new ClusterFault('indeterminate', 'request_timed_out', 'no answer to the commit');
  }

  async abort(): Promise<void> {
    await this.#process.request(() =>
      this.#mark(this.#brokers.end(this.#id, this.#epoch, false), this.#process.timeline.now),
    );
  }

  async close(): Promise<void> {}

  #mark(names: readonly string[], _acceptedAt: number): void {
    for (const name of names) {
      this.#process.timeline.after(this.#process.delay() * 3, () => {
        this.#brokers.mark(this.#id, name);
      });
    }
  }
}
