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
