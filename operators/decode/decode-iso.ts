/**
 * ISO 8601 from bytes: `YYYY-MM-DD(T| )hh:mm[:ss[(.|,)f…]](Z|±hh[:]mm|±hh)`, nothing else. Fractions are floored to
 * milliseconds. NaN where it is anything else: no zone, 30 February, second 60.
 */
export function isoMs(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 17) return Number.NaN;
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  const separator = bytes[start + 10]!;
  if (bytes[start + 4] !== DASH || bytes[start + 7] !== DASH) return Number.NaN;
  if (separator !== 84 && separator !== 116 && separator !== 32) return Number.NaN;
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return Number.NaN;
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  if (!(hour <= 23 && minute <= 59) || bytes[start + 13] !== COLON) return Number.NaN;
  let at = start + 16;
  let ms = 0;
  if (bytes[at] === COLON) {
    const second = at + 3 <= end ? twoDigits(bytes, at + 1) : Number.NaN;
    if (!(second <= 59)) return Number.NaN;
    ms = second * 1000;
    at += 3;
    if (at < end && (bytes[at] === 46 || bytes[at] === 44)) {
      const first = ++at;
      let weight = 100;
      for (; at < end && isDigit(bytes[at]!); at++) {
        if (weight >= 1) ms += (bytes[at]! - 48) * weight;
        weight /= 10;
      }
      if (at === first) return Number.NaN;
    }
  }
  const zone = zoneMinutes(bytes, at, end);
  // Date.UTC takes the years 0 to 99 for 1900 to 1999; they are out of our range anyway.
  if (year < 100) return Number.NaN;
  return Date.UTC(year, month - 1, day, hour, minute) + ms - zone * 60000;
}

const DASH = 45;
const COLON = 58;

/** Minutes east of UTC of the zone that fills [at, end); NaN if there is none. */
function zoneMinutes(bytes: Uint8Array, at: number, end: number): number {
  const sign = bytes[at]!;
  if (at >= end) return Number.NaN;
  if ((sign | 32) === 122) return at + 1 === end ? 0 : Number.NaN;
  if (sign !== 43 && sign !== DASH) return Number.NaN;
  const hours = at + 3 <= end ? twoDigits(bytes, at + 1) : Number.NaN;
  let rest = at + 3;
  if (rest < end && bytes[rest] === COLON && rest + 3 === end) rest++;
  const minutes = rest === end ? 0 : rest + 2 === end ? twoDigits(bytes, rest) : Number.NaN;
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (sign === DASH ? -1 : 1) * (hours * 60 + minutes);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]!;
  const ones = bytes[at + 1]!;
  return isDigit(tens) && isDigit(ones) ? tens * 10 + ones - 528 : Number.NaN;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}
