/** How exactly an output keeps `float` features: as they are, or with less precision and an error that is said. */
import { UsageError } from '../usage-error.ts';

export type FloatForm =
  | { readonly kind: 'exact' }
  /** The upper half of a float32: 8 bits of significand. */
  | { readonly kind: 'bf16' }
  /** Multiples of 1 / divisor. */
  | { readonly kind: 'step'; readonly divisor: number };

export const EXACT: FloatForm = { kind: 'exact' };

/** `exact`, `bf16`, or a step such as 0.001: one over a whole number. A UsageError otherwise. */
export function parseFloatForm(text: string): FloatForm {
  if (text === 'exact' || text === 'bf16') return { kind: text };
  const step = Number(text);
  const divisor = Math.round(1 / step);
  if (!(step > 0 && step <= 1 && Math.abs(divisor * step - 1) < 1e-9)) {
    throw new UsageError(
      `--floats ${text}: write exact, bf16, or a step that is one over a whole number, as 0.001`,
    );
  }
  return { kind: 'step', divisor };
}

/** Of a value that bfloat16 reaches (about 1e-38 to 3e38), half a step of its 8 bits; others are kept exactly. */
export const BF16_ERROR = 1 / 256;

/** The greatest error of a kept value, for people and for the column list; null where there is none. */
export function floatError(form: FloatForm): string | null {
  if (form.kind === 'exact') return null;
  return form.kind === 'bf16'
    ? 'at most 1/256 of the value (bfloat16)'
    : `at most ${1 / (2 * form.divisor)} (steps of ${1 / form.divisor})`;
}

/** The nearest bfloat16 (ties to even), as its 16 bits. Values beyond it become infinite; NaN stays one. */
export function toBf16(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromBf16(bits: number): number {
  bitsView[0] = bits << 16;
  return floatView[0]!;
}

const floatView = new Float32Array(1);
const bitsView = new Int32Array(floatView.buffer);
