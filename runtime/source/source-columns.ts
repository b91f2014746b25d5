import type { ScanField } from '../../compiler/plan/plan.ts';
import { Fault } from '../fault.ts';

/** Characters of a header that an error shows. */
const SHOWN_MAX = 200;

/**
 * Where each field stands among the columns of a file, -1 where it is absent. A Fault `columns` when a field that every
 * record must have (not `T?`) is absent, or a field's column is there twice: no record could be read, or read for sure.
 */
export function columnsOf(
  path: string,
  names: readonly string[],
  fields: readonly ScanField[],
): number[] {
  const absent = fields.filter(
    ({ name, type }) => type.kind !== 'error' && !type.nullable && !names.includes(name),
  );
  const twice = fields.filter(({ name }) => names.indexOf(name) !== names.lastIndexOf(name));
  if (absent.length === 0 && twice.length === 0)
    return fields.map(({ name }) => names.indexOf(name));
  const listed = (found: readonly ScanField[]) => found.map(({ name }) => name).join(', ');
  const what =
    absent.length > 0
      ? `${path} has no column ${listed(absent)}, which every record must have`
      : `${path} has more than one column ${listed(twice)}`;
  // As JSON: whatever the file holds, it does not steer the terminal.
  const shown = JSON.stringify(names.join(', ').slice(0, SHOWN_MAX));
  throw new Fault('columns', `${what}. Its columns (of a CSV file: its first line) are ${shown}.`, {
    context: { path, absent: listed(absent), twice: listed(twice) },
  });
}
