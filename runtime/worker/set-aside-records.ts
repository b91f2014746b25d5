import type { Plan } from '../../compiler/plan/plan.ts';
import type { Fault } from '../fault.ts';
import type { LiveEngine } from '../run/engine.ts';
import { malformedFault } from '../run/task-source.ts';
import type { SideRecord } from '../sink/side-records.ts';
import type { DeadRecord } from './dead-letter.ts';
import type { LiveRead, LiveSource } from './live-source.ts';
import type { UnitOutputs } from './unit-outputs.ts';

/** Late and malformed records on their way to the dead letters, each once over all lives of a unit. */
export class SetAsideRecords {
  readonly #plan: Plan;
  readonly #outputs: UnitOutputs;
  readonly #deadTopic: string;
  /** By `stream/partition`: rows below are out, or on their way. */
  readonly #known: Record<string, number>;

  constructor(plan: Plan, outputs: UnitOutputs, known: Readonly<Record<string, number>>) {
    this.#plan = plan;
    this.#outputs = outputs;
    this.#known = { ...known };
    this.#deadTopic = outputs.deadTopic;
  }

  /** For the progress record. */
  rows(): Readonly<Record<string, number>> {
    return { ...this.#known };
  }

  async add(source: LiveSource, read: LiveRead): Promise<void> {
    for (const [i, { late, malformed }] of read.aside.entries()) {
      const { name } = this.#plan.streams[source.scan.streams[i]!]!;
      const key = `${name}/${source.of.partition}`;
      const known = this.#known[key] ?? 0;
      for (const record of late) await this.#send('late', { name, source, read, record, known });
      for (const record of malformed) {
        await this.#send('malformed', { name, source, read, record, known });
      }
      this.#known[key] = Math.max(known, source.rows);
    }
  }

  /** A stream may bound its share of malformed records: the fault of one of the source's that is above it. */
  fault(engine: LiveEngine, source: LiveSource): Fault | null {
    for (const stream of source.scan.streams) {
      const place = this.#deadTopic;
      const fault = malformedFault(this.#plan.streams[stream]!, engine.counts(stream), place);
      if (fault !== null) return fault;
    }
    return null;
  }

  async #send(
    kind: DeadRecord['kind'],
    of: {
      readonly name: string;
      readonly source: LiveSource;
      readonly read: LiveRead;
      readonly record: SideRecord;
      readonly known: number;
    },
  ): Promise<void> {
    const { name, source, read, record, known } = of;
    if (record.offset < known) return;
    const { records, firstRecord, firstRow } = read;
    const at = firstRecord + (record.offset - firstRow);
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset, headers } = records;
    const place = {
      'millrace.stream': name,
      'millrace.topic': source.of.topic,
      'millrace.partition': `${source.of.partition}`,
      'millrace.offset': `${offset[at]!}`,
    };
    // Where there are personal fields the place must do, for as long as the source keeps the record.
    if (source.scan.streams.some((stream) => this.#plan.streams[stream]!.pii !== undefined)) {
      await this.#outputs.dead({
        kind,
        reason: record.reason,
        key: null,
        value: null,
        place,
        headers: {},
      });
      return;
    }
    const own = headers(at).map(([header, value]) => [header, Buffer.from(value ?? []).toString()]);
    await this.#outputs.dead({
      kind,
      reason: record.reason,
      key: keyStart[at]! < 0 ? null : bytes.slice(keyStart[at], keyEnd[at]),
      value: valueStart[at]! < 0 ? null : bytes.slice(valueStart[at], valueEnd[at]),
      place,
      headers: Object.fromEntries(own),
    });
  }
}
