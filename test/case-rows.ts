/** The streams that text cases are about, and how their rows are written. */
import type { InputPartition } from './reference/events.ts';

/** A hundred days after the epoch: every default hop divides it. */
export const START = 8_640_000_000;

export const STREAMS = `
stream imp from "imp" { id iid : string; time ts : timestamp; user : string; ad : string?; cost : float? }
stream clk from "clk" { id cid : string; time ts : timestamp; iid : string?; user : string; ad : string?; n : int? }
stream pix from "pix" {
  id pid : string; time ts : timestamp; user : string; kind : string; order_id : string?; value : float?
  late 10s, labels 1h
}
stream buy = pix where kind == "buy"
stream refund = pix where kind == "refund"
`;

/** Fields that a row of a stream of its own has, if the case does not say. */
const DEFAULTS: Readonly<Record<string, Record<string, unknown>>> = {
  imp: { user: 'u' },
  clk: { user: 'u' },
  pix: { user: 'u', kind: 'buy' },
};

const IDS: Readonly<Record<string, string>> = { imp: 'iid', clk: 'cid', pix: 'pid' };

/** `imp/1 10s iid=i1 user=u`; values are JSON where they can be, else texts; `{…}` alone is a raw line. */
export function readRows(text: string): InputPartition[] {
  const partitions = new Map<string, unknown[]>();
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [name, ...rest] = line.trim().split(/\s+/);
    const rows = partitions.get(name) ?? [];
    partitions.set(name, rows);
    rows.push(rest[0].startsWith('{') ? rest.join(' ') : readRow(name, rest, rows.length));
  }
  return [...partitions].map(([name, rows]) => {
    const [stream, partition] = name.split('/');
    return { stream, partition: Number(partition ?? 0), rows };
  });
}

function readRow(name: string, [time, ...fields]: string[], row: number): Record<string, unknown> {
  const [stream] = name.split('/');
  const given = fields.map((field) => {
    const at = field.indexOf('=');
    return [field.slice(0, at), fieldValue(field.slice(at + 1))];
  });
  const id = IDS[stream] === undefined ? {} : { [IDS[stream]]: `${name}#${row}` };
  return { ...id, ts: START + msOf(time), ...DEFAULTS[stream], ...Object.fromEntries(given) };
}

function fieldValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Units of time, ms. */
export const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function msOf(text: string): number {
  const parts = [...text.matchAll(/(-?\d+)(ms|[smhd])/g)];
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit], 0);
}
