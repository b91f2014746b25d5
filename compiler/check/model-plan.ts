/** What a model block comes to in the plan: plain JSON, every default filled in. */

/** A model block with every default filled in. Columns and labels by their names in the example set. */
export type ModelPlan = {
  readonly name: string;
  /** The example set. */
  readonly from: string;
  /** Tables of embedding rows; every category and list of the set is in one of them. */
  readonly tables: readonly TablePlan[];
  readonly net: NetPlan;
  readonly heads: HeadsPlan;
  readonly publishMs: number;
  readonly fullMs: number;
  readonly gates: readonly GatePlan[];
  /** Rows of a step. */
  readonly batch: number;
  /** How often an id must be seen before it has a row of its own. */
  readonly admit: number;
  /** Rows a table holds at most. */
  readonly rowsMax: number;
  /** Ids not seen for so long lose their row; null: only where rows run out. */
  readonly expireMs: number | null;
  readonly learnRows: number;
  readonly learnDense: number;
};

export type TablePlan = {
  readonly dim: number;
  readonly columns: readonly { readonly name: string; readonly pool: PoolPlan }[];
};

/** How the rows of a list become one; `target` is the column that attention compares them with. */
export type PoolPlan =
  | { readonly kind: 'one' | 'mean' | 'sum' }
  | { readonly kind: 'attention'; readonly target: string };

export type NetPlan = {
  readonly kind: 'dcn' | 'deepfm';
  /** Cross layers; of deepfm 0. */
  readonly cross: number;
  /** Units of the deep layers, in order. */
  readonly deep: readonly number[];
};

export type HeadsPlan = {
  readonly kind: 'single' | 'shared' | 'mmoe' | 'esmm';
  readonly labels: readonly string[];
  /** mmoe only, else 0. */
  readonly experts: number;
};

export type GatePlan =
  /** Normalised entropy over that of the baseline on the same rows (`baseline`), or as it is. */
  | {
      readonly kind: 'ne';
      readonly label: string;
      readonly max: number;
      readonly baseline: boolean;
    }
  | {
      readonly kind: 'calibration' | 'rate';
      readonly label: string;
      readonly min: number;
      readonly max: number;
    };
