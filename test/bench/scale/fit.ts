/** A linear model of measured values, by least squares of the relative error: a cheap run counts as much as a dear one. */

export type Fit = {
  readonly coefficients: readonly number[];
  /** Share of the values' variance that the model explains. */
  readonly r2: number;
  /** The largest |model / value - 1|, and whose it is. */
  readonly worst: { readonly at: number; readonly error: number };
};

/** `rows[i]` are the terms whose weighted sum should be `values[i]`. */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): Fit {
  const width = rows[0]!.length;
  // The normal equations, each row and its value divided by the value.
  const system = Array.from({ length: width }, () => new Array<number>(width + 1).fill(0));
  for (const [i, row] of rows.entries()) {
    const terms = [...row, values[i]!].map((term) => term / values[i]!);
    for (let a = 0; a < width; a++) {
      for (let b = 0; b <= width; b++) system[a]![b]! += terms[a]! * terms[b]!;
    }
  }
  const coefficients = solve(system);
  const predicted = rows.map((row) => predict(coefficients, row));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = (of: (value: number, i: number) => number) =>
    values.reduce((sum, value, i) => sum + of(value, i) ** 2, 0);
  const r2 = 1 - squares((value, i) => value - predicted[i]!) / squares((value) => value - mean);
  const errors = values.map((value, i) => Math.abs(predicted[i]! / value - 1));
  const error = Math.max(...errors);
  return { coefficients, r2, worst: { at: errors.indexOf(error), error } };
}

export function predict(coefficients: readonly number[], row: readonly number[]): number {
  return coefficients.reduce((sum, coefficient, i) => sum + coefficient * row[i]!, 0);
}

/** Gauss-Jordan with pivots; the last column is the right-hand side. */
function solve(system: number[][]): number[] {
  const width = system.length;
  for (let column = 0; column < width; column++) {
    let pivot = column;
    for (let i = column + 1; i < width; i++) {
      if (Math.abs(system[i]![column]!) > Math.abs(system[pivot]![column]!)) pivot = i;
    }
    [system[column], system[pivot]] = [system[pivot]!, system[column]!];
    const row = system[column]!;
    const by = row[column]!;
    if (by === 0) throw new Error(`term ${column} depends on the others: it cannot be fitted`);
    system[column] = row.map((value) => value / by);
    system.forEach((other, i) => {
      const factor = i === column ? 0 : other[column]!;
      system[i] = other.map((value, j) => value - factor * system[column]![j]!);
    });
  }
  return system.map((row) => row[width]!);
}
