/**
 * The steps of one batch of one keyspace and shard, totally ordered by the caller: by step time, and at equal times
 * look-ups before updates; a pair's step is its look-up and its update, next to each other. An update's own time (its frame's) never falls from one step of a feed to the next.
 */
export type Steps = {
  readonly n: number;
  /** When the step is applied: orders them; windows go by the frames' own times. */
  readonly time: Float64Array;
  /** See participants.ts. */
  readonly participant: Int32Array;
  /** Row of the participant's frame. */
  readonly row: Int32Array;
};
