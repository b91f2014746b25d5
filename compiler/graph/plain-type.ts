import type { Type } from '../../dsl/types.ts';

/** The type without unit and category: those are the author's and the model's concern, not what makes nodes differ. */
export function plainType(type: Type): Type {
  return type.kind === 'scalar' ? { ...type, unit: null, category: type.name === 'string' } : type;
}
