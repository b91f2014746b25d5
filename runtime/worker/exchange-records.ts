/** Parcels as records that a broker takes: as few as may be, none larger than its bound. */
import { type Parcel, type Section, sliceExchange } from '../../operators/stages/exchange-rows.ts';
import { RECORD_BYTES_MAX } from '../config.ts';
import { encodeParcels } from './exchange-block.ts';

/** The parcels' records, in order. A single entry may exceed the bound: it is sent as it is. */
export function recordsOf(parcels: readonly Parcel[], bytesMax = RECORD_BYTES_MAX): Uint8Array[] {
  if (parcels.length === 0) return [];
  const value = encodeParcels(parcels);
  if (value.length <= bytesMax) return [value];
  const halves = splitParcels(parcels);
  return halves === null ? [value] : halves.flatMap((half) => recordsOf(half, bytesMax));
}

/** Null: there is but one entry. */
function splitParcels(parcels: readonly Parcel[]): [Parcel[], Parcel[]] | null {
  if (parcels.length > 1) {
    const half = parcels.length >> 1;
    return [parcels.slice(0, half), parcels.slice(half)];
  }
  const [parcel] = parcels;
  const sections = splitSections(parcel.sections);
  if (sections === null) return null;
  return [[{ ...parcel, sections: sections[0] }], [{ ...parcel, sections: sections[1] }]];
}

function splitSections(sections: readonly Section[]): [Section[], Section[]] | null {
  if (sections.length > 1) {
    const half = sections.length >> 1;
    return [sections.slice(0, half), sections.slice(half)];
  }
  const [section] = sections;
  const { rows, from } = section;
  if (rows === null || rows.n < 2) return null;
  const half = rows.n >> 1;
  // How far the producer is holds only once all its entries are there.
  const nothing = { frontier: Number.NEGATIVE_INFINITY, watermark: Number.NEGATIVE_INFINITY };
  return [
    [{ ...section, ...nothing, ended: false, idle: false, rows: sliceExchange(rows, 0, half) }],
    [{ ...section, from: from + half, rows: sliceExchange(rows, half, rows.n) }],
  ];
}
