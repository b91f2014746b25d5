/** Events that one would have expected to count and that did not: how many for each reason, and the nearest of them. */

export type NearReason =
  | 'the anchor itself'
  | 'same time'
  | 'not visible yet'
  | 'before the window'
  | 'filtered'
  | 'null value'
  | 'null key'
  | 'pushed out'
  | 'earlier session'
  | 'late for features'
  | 'late'
  | 'duplicate'
  | 'malformed';

/** Where an event stands in the inputs. */
export type Place = {
  readonly stream: string;
  readonly partition: number;
  /** As the run's `--from` names it; absent where the inputs are no files. */
  readonly file?: string;
  /** Records of the file before it. */
  readonly offset: number;
};

export type NearEvent = {
  /** Null: unreadable. */
  readonly time: number | null;
  readonly id: string | null;
  readonly place: Place;
  /** More about this one: the malformed field, the watermark it was late against. */
  readonly note?: string;
};

export type NearMiss = {
  readonly reason: NearReason;
  /** What the reason means here, for people. */
  readonly text: string;
  readonly count: number;
  /** The last NEAR_SHOWN of them. */
  readonly events: readonly NearEvent[];
};

/** Events kept a reason. */
export const NEAR_SHOWN = 3;

export class NearMisses {
  readonly #found = new Map<NearReason, { count: number; readonly events: NearEvent[] }>();

  /** In the order in which they come: the last ones stay. */
  add(reason: NearReason, event: () => NearEvent): void {
    const found = this.#found.get(reason) ?? { count: 0, events: [] };
    this.#found.set(reason, found);
    found.count++;
    found.events.push(event());
    if (found.events.length > NEAR_SHOWN) found.events.shift();
  }

  /** `texts`: the reasons in the order in which they are told. */
  told(texts: Readonly<Record<NearReason, string>>): NearMiss[] {
    return (Object.keys(texts) as NearReason[]).flatMap((reason) => {
      const found = this.#found.get(reason);
      return found === undefined ? [] : [{ reason, text: texts[reason], ...found }];
    });
  }
}
