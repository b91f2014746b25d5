/** Value types of the language. Physically there are six kinds of column (operators/column/column.ts). */

export type ScalarName = 'string' | 'bool' | 'int' | 'float' | 'money' | 'timestamp' | 'duration';

/** Units refine numbers: a `count` is an int of events, a `rate` a float between counts. */
export type Unit = 'count' | 'rate' | null;

export type ScalarType = {
  readonly kind: 'scalar';
  readonly name: ScalarName;
  readonly unit: Unit;
  readonly nullable: boolean;
  /** Numbers that name a category (hash, cross, bucketize, hour_of_day …); strings always do. */
  readonly category: boolean;
};

export type ListType = {
  readonly kind: 'list';
  readonly of: ScalarName;
  readonly nullable: boolean;
};

/** The poison type: an expression that already has a diagnostic; it never causes another one. */
export type ErrorType = { readonly kind: 'error' };

export type Type = ScalarType | ListType | ErrorType;

/** Resolution of a `timestamp` field in the input. */
export type TimeFormat = 'ms' | 's' | 'us' | 'iso';

/** The physical kind of a value: what a column of it looks like. Nulls: NaN, 2, start -1, isNull. */
export type Physical = 'f64' | 'bool' | 'text' | 'hash' | 'list_f64' | 'list_text';

export function scalar(
  name: ScalarName,
  more: { unit?: Unit; nullable?: boolean; category?: boolean } = {},
): ScalarType {
  return {
    kind: 'scalar',
    name,
    unit: more.unit ?? null,
    nullable: more.nullable ?? false,
    category: more.category ?? name === 'string',
  };
}

export function list(of: ScalarName, nullable = false): ListType {
  return { kind: 'list', of, nullable };
}

export const errorType: ErrorType = { kind: 'error' };

/** The physical kind that carries a type. */
export function physical(type: Type): Physical {
  if (type.kind === 'error') throw new Error('the error type has no physical kind');
  if (type.kind === 'list') return type.of === 'string' ? 'list_text' : 'list_f64';
  if (type.name === 'string') return 'text';
  return type.name === 'bool' ? 'bool' : 'f64';
}

/** The type as an author writes it: `string?`, `int[]`, `float`. */
export function showType(type: Type): string {
  if (type.kind === 'error') return '?';
  if (type.kind === 'list') return `${type.of}[]${type.nullable ? '?' : ''}`;
  return `${type.unit ?? type.name}${type.nullable ? '?' : ''}`;
}
