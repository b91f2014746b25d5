/** The world that generated programs and rows are about: impressions, clicks, pixels, products. */

export type FieldKind = 'string' | 'int' | 'float' | 'money' | 'bool' | 'timestamp' | 'list';

/** Where events come from, as aggregates name it, and what fields they have. */
export type SourceWords = {
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldKind>>;
};

const IMP = {
  iid: 'string',
  ts: 'timestamp',
  user: 'string',
  ad: 'string',
  peer: 'string',
  slot: 'int',
  cost: 'float',
  price: 'money',
  flag: 'bool',
  tags: 'list',
} as const satisfies Record<string, FieldKind>;

const CLK = {
  cid: 'string',
  ts: 'timestamp',
  iid: 'string',
  user: 'string',
  dwell: 'int',
  mood: 'string',
} as const satisfies Record<string, FieldKind>;

const PIX = {
  pid: 'string',
  at: 'timestamp',
  user: 'string',
  ad: 'string',
  kind: 'string',
  order_id: 'string',
  value: 'float',
} as const satisfies Record<string, FieldKind>;

export const FIELDS = { imp: IMP, clk: CLK, pix: PIX } as const;

/** What the checker is told of each stream; the pixel's id is left out sometimes. */
export const STREAM_LINES = {
  imp: [
    'id iid : string',
    'time ts : timestamp',
    'user : string',
    'ad, peer : string?',
    'slot : int?',
    'cost : float?',
    'price : money?',
    'flag : bool?',
    'tags : string[]?',
  ],
  clk: [
    'id cid : string',
    'time ts : timestamp(s)',
    'iid, user : string',
    'dwell : int?',
    'mood : string?',
  ],
  pix: [
    'id pid : string',
    'time at : timestamp',
    'user : string',
    'ad : string?',
    'kind : string',
    'order_id : string?',
    'value : float?',
  ],
  prod: ['key ad : string', 'time ts : timestamp', 'brand : string?', 'grade : int?'],
  site: ['key slot : int', 'region : string?', 'weight : float?'],
} as const;

/** Small domains: keys meet often, ties are frequent, edges are hit. */
export const VALUES = {
  user: ['u1', 'u2', 'ü', ''],
  ad: ['a', 'b', 'A😀', ''],
  peer: ['u1', 'u2', 'x'],
  mood: ['x', 'y', 'Z"\\'],
  kind: ['b', 'b', 'b', 'r', 'r', 'v'],
  order_id: ['o1', 'o2', 'o3'],
  brand: ['p', 'q'],
  region: ['n', 's'],
} as const;

export const DURATIONS = [
  '3ms',
  '20ms',
  '500ms',
  '1s',
  '2s',
  '5s',
  '10s',
  '30s',
  '1m',
  '2m',
] as const;
