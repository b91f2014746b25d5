import { type LineRenderer, malformedLines } from './ad-lines.ts';
import { LineWriter } from './line-writer.ts';
import { SeededRandom } from './seeded-random.ts';
import { TimedRecords } from './timed-records.ts';

/** Events on their way at once, per stream (96 bytes each). Half a million is minutes of traffic. */
const IN_FLIGHT_MAX = 1 << 19;
/** The field in which the deliverer marks the second copy of an event. */
const COPY_FIELD = 7;

/** How a stream's events travel. Delays in ms; shares in [0, 1]. */
export type DeliveryOptions = {
  readonly path: string;
  readonly seed: number;
  readonly gzip: boolean;
  readonly idName: string;
  /** Usual delay: exponential with this mean, cut at `delayMaxMs` (below the lateness). */
  readonly delayMeanMs: number;
  readonly delayMaxMs: number;
  /** What the program declares: older than this is late; within `labelsMs` still a label. */
  readonly lateMs: number;
  readonly labelsMs: number;
  readonly lateShare: number;
  /** Delay of a late event, uniform. */
  readonly lateDelayMs: { readonly from: number; readonly to: number };
  readonly duplicateShare: number;
  readonly malformedShare: number;
};

/**
 * What a correct reader of the file must count. `late` is dropped; `lateForFeatures` is late, yet
 * within the stream's `labels`. Holds while no gap in the file is longer than `ahead` (1 h).
 */
export type DeliveryCounts = {
  lines: number;
  accepted: number;
  late: number;
  lateForFeatures: number;
  duplicates: number;
  malformed: number;
  /** Accepted events older than one written before them. */
  outOfOrder: number;
  bytes: number;
};

/**
 * Carries events of one stream to its file: each is offered at its own time and written at its
 * arrival, so that the file has the disorder, late events, duplicates and malformed lines of a
 * real log, and their exact counts are known.
 */
export class DeliveredStream {
  readonly counts: DeliveryCounts = {
    lines: 0,
    accepted: 0,
    late: 0,
    lateForFeatures: 0,
    duplicates: 0,
    malformed: 0,
    outOfOrder: 0,
    bytes: 0,
  };
  readonly #options: DeliveryOptions;
  readonly #render: LineRenderer;
  readonly #random: SeededRandom;
  readonly #inFlight = new TimedRecords(IN_FLIGHT_MAX);
  readonly #out: LineWriter;
  readonly #malformed: (variant: number, timeMs: number) => Uint8Array;
  #maxTimeMs = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveryOptions, render: LineRenderer) {
    this.#options = options;
    this.#render = render;
    this.#random = new SeededRandom(options.seed);
    this.#out = new LineWriter(options.path, { gzip: options.gzip });
    this.#malformed = malformedLines(options.idName);
  }

  /** Takes an event that happens now; the record is copied. */
  offer(timeMs: number, record: Float64Array): void {
    const { lateShare, lateDelayMs, delayMeanMs, delayMaxMs, duplicateShare } = this.#options;
    const random = this.#random;
    record[COPY_FIELD] = 0;
    if (random.chance(lateShare)) {
      const delayMs = lateDelayMs.from + random.next() * (lateDelayMs.to - lateDelayMs.from);
      this.#inFlight.push(timeMs + delayMs, record);
      return;
    }
    const arrivalMs = timeMs + Math.min(random.exponential() * delayMeanMs, delayMaxMs);
    this.#inFlight.push(arrivalMs, record);
    if (!random.chance(duplicateShare)) return;
    record[COPY_FIELD] = 1;
    this.#inFlight.push(arrivalMs + random.next() * COPY_DELAY_MAX_MS, record);
  }

  /** Writes everything that has arrived by `nowMs`. */
  release(nowMs: number): void {
    while (this.#inFlight.take(nowMs)) this.#write(this.#inFlight.record);
  }

  /** Writes what is still on its way and closes the file. */
  finish(): void {
    this.release(Number.POSITIVE_INFINITY);
    this.#out.close();
    this.counts.bytes = this.#out.bytesWritten;
  }

  flush(): void {
    this.#out.flush();
  }

  #write(record: Float64Array): void {
    this.#count(record[0]!, record[COPY_FIELD] === 1);
    this.#render(this.#out, record);
    if (!this.#random.chance(this.#options.malformedShare)) return;
    this.counts.lines++;
    this.counts.malformed++;
    this.#out.text(this.#malformed(this.#random.below(5), record[0]!));
    this.#out.endLine();
  }

  #count(timeMs: number, isCopy: boolean): void {
    const { lateMs, labelsMs } = this.#options;
    this.counts.lines++;
    if (isCopy) {
      this.counts.duplicates++;
    } else if (timeMs >= this.#maxTimeMs - lateMs) {
      this.counts.accepted++;
      if (timeMs < this.#maxTimeMs) this.counts.outOfOrder++;
      else this.#maxTimeMs = timeMs;
    } else if (timeMs >= this.#maxTimeMs - labelsMs) {
      this.counts.lateForFeatures++;
    } else {
      this.counts.late++;
    }
  }
}

/** A copy follows soon after, so that the first one is still remembered by any dedup window. */
const COPY_DELAY_MAX_MS = 8_000;
