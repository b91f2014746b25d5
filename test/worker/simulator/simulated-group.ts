import { assignUnits } from '../../../runtime/kafka/assign-units.ts';
import type { Timeline } from './timeline.ts';

const SESSION_MS = 3_000;

type Member = { owned: readonly number[]; heardAt: number };

/** The coordinator of a group: who is in it, who has which unit. Members hear of it when they ask. */
export class SimulatedGroup {
  readonly #timeline: Timeline;
  readonly #members = new Map<string, Member>();

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** A heartbeat, or the first sign of a member; gives its units. */
  heard(id: string, units: number): readonly number[] {
    const { now } = this.#timeline;
    for (const [other, { heardAt }] of this.#members) {
      if (now - heardAt > SESSION_MS) this.#members.delete(other);
    }
    const known = this.#members.get(id);
    if (known === undefined) this.#members.set(id, { owned: [], heardAt: now });
    else known.heardAt = now;
    const members = [...this.#members].map(([name, { owned }]) => ({ id: name, owned }));
    for (const { id: name, owned } of assignUnits(units, members)) {
      this.#members.get(name)!.owned = owned;
    }
    return this.#members.get(id)!.owned;
  }

  left(id: string): void {
    this.#members.delete(id);
  }
}
