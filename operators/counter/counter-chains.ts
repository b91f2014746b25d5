/**
 * The chains of a keyspace over its slabs: what kernels share. Slabs of keyspace i: `k<i>.busy` the busy sections,
 * `k<i>.logs` their slices.
 */
import type { BlockRef } from '../state/block-ref.ts';
import type { Slab } from '../state/slab.ts';
import type { Chain, CounterLayout } from './counter-layout.ts';
import { CounterLog } from './counter-log.ts';
import { CounterQuiet } from './counter-quiet.ts';

export class CounterChains {
  readonly records: Slab;
  readonly sections: Slab;
  readonly slices: Slab;
  /** By chain; of no use to chains without windows. */
  readonly logs: readonly CounterLog[];
  readonly quiet: readonly CounterQuiet[];
  readonly #chains: readonly Chain[];

  constructor(layout: CounterLayout, records: Slab, sections: Slab, slices: Slab) {
    this.records = records;
    this.sections = sections;
    this.slices = slices;
    this.#chains = layout.chains;
    this.logs = layout.chains.map((chain) => new CounterLog(chain, sections, slices));
    this.quiet = layout.chains.map(
      (chain, index) => new CounterQuiet(chain, this.logs[index]!, records, sections),
    );
  }

  /** Words of busy sections and slices. */
  get words(): number {
    return this.sections.used + this.slices.used;
  }

  /** What a record points to. */
  get refs(): readonly BlockRef[] {
    return this.quiet.flatMap(({ refs }, index) =>
      this.#chains[index]!.windows.length === 0 ? [] : refs,
    );
  }
}
