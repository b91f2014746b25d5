/** Values of command-line options, checked as they are read. */

/** What the command line's parser takes for a bad value, by its code. */
class BadValue extends Error {
  readonly code = 'commander.invalidArgument';
}

export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

export function folder(text: string): string {
  // As a path it would be the current folder.
  if (text.trim() === '') throw new BadValue('It must be the path of a folder.');
  return text;
}

export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new BadValue(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

export function within(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max)) {
      throw new BadValue(`must be a number from ${min} to ${max}.`);
    }
    return value;
  };
}

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 86_400))
    throw new BadValue('It must be seconds, 0 to 86400.');
  return value * 1000;
}

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Epoch ms of a date (its midnight in UTC) or of a time with its zone. */
export function time(text: string): number {
  const value = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(value)) {
    throw new BadValue('It must be a time such as 2026-03-01T06:00:00Z, or a date.');
  }
  return value;
}

export function megabytes(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 1_048_576)) throw new BadValue('It must be megabytes, 1 or more.');
  return value * 1024 * 1024;
}
