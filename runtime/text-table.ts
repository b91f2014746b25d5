/** Rows of cells as lines: columns as wide as their widest cell, the first to the left, the others to the right. */
export function textTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** A count with its thousands set apart: 1,234. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** Three decimals, or a dash where there is no value. */
export function fixed(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : value.toFixed(3);
}
