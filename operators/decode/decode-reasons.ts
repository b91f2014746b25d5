/**
 * Why a record is malformed. Codes are what batches carry (one byte); texts are what people read in the quarantine.
 * Codes are stable: they may be stored. 0 means nothing is wrong.
 */
export const REASON = {
  none: 0,
  json: 1,
  object: 2,
  tooLong: 3,
  missing: 4,
  null: 5,
  type: 6,
  whole: 7,
  range: 8,
  utf8: 9,
  iso: 10,
  timeRange: 11,
  element: 12,
  cells: 13,
  csv: 14,
  protobuf: 15,
  avro: 16,
} as const;

const TEXTS: readonly string[] = [
  'nothing wrong',
  'not valid JSON',
  'not a JSON object',
  'longer than 1 MiB',
  'missing',
  'null',
  'wrong type',
  'not a whole number',
  'out of range',
  'not valid UTF-8',
  'not an ISO 8601 time with a zone',
  'time outside the years 1970 to 9999',
  'a list element is null or of the wrong type',
  'more cells than the header',
  'not valid CSV',
  'not a valid protobuf message',
  'not a valid Avro record',
];

/** The reason as text: `field bid: null`, or for the whole record (field null) `not valid JSON`. */
export function reasonText(code: number, field: string | null): string {
  const text = TEXTS[code] ?? `reason ${code}`;
  return field === null ? text : `field ${field}: ${text}`;
}
