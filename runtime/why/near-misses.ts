/** Events that one would have expected to count and that did not: how many for each reason, and the nearest of them. */

/** Why an event of a feature's key does not count. */
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

export type NearMiss<R extends string = NearReason> = {
  readonly reason: R;
  /** What the reason means here, for people. */
  readonly text: string;
  readonly count: number;
  /** The last NEAR_SHOWN of them. */
  readonly events: readonly NearEvent[];
};

/** Events kept a reason. */
export const NEAR_SHOWN = 3;

export class NearMisses<R extends string = NearReason> {
  readonly #found = new Map<R, { count: number; readonly events: NearEvent[] }>();

  /** In the order in which they come: the last ones stay. */
  add(reason: R, event: () => NearEvent): void {
    const found = this.#found.get(reason) ?? { count: 0, events: [] };
    this.#found.set(reason, found);
    found.count++;
    found.events.push(event());
    if (found.events.length > NEAR_SHOWN) found.events.shift();
  }

  /** `texts`: the reasons in the order in which they are told. */
  told(texts: Readonly<Record<R, string>>): NearMiss<R>[] {
    return (Object.keys(texts) as R[]).flatMap((reason) => {
      const found = this.#found.get(reason);
      return found === undefined ? [] : [{ reason, text: texts[reason], ...found }];
    });
  }
}
