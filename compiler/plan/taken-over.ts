/** What a plan is that stands for a compiled one and holds state of the plans before it. */
export type TakenOver = {
  /** Digest of the plan as compiled. */
  readonly program: string;
  /** Digest of the plan before it, and the step time from which on this one applies. */
  readonly from: string;
  readonly k: number;
  /** Streams of each topic in the order of the plan before. */
  readonly scans: readonly { readonly topic: string; readonly streams: readonly string[] }[];
  /** How many plans there were in all: sets that changed are named by it. */
  readonly generation: number;
  /** Numbers given out to keyspaces and feeds so far; none is ever used again. */
  readonly places: number;
};

/** How rings are laid out that an earlier plan made. */
export type KeptRings = {
  /** In their name, in place of that of the label which they are of now. */
  readonly name: string;
  /** By route: how long rows stay, at least. */
  readonly withinMs: readonly number[];
  /** Slots of the anchor's stream, and by route of the parent's label stream, in their order in a row. */
  readonly anchorSlots: readonly number[];
  readonly parentSlots: readonly (readonly number[])[];
};
