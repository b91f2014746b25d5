/** Pairs remembered at once; a colliding pair takes the place of the one before it. */
const CELLS = 1 << 18;
const HALF_LIFE_MS = 12 * 3_600_000;

/**
 * How often a (user, campaign) pair has met lately: a count that halves every twelve hours.
 * Direct-mapped and bounded (5 MiB): a pair that is pushed out starts from zero again.
 */
export class Fatigue {
  readonly #user = new Int32Array(CELLS).fill(-1);
  readonly #campaign = new Int32Array(CELLS);
  readonly #count = new Float32Array(CELLS);
  readonly #timeMs = new Float64Array(CELLS);

  /** The count just before this impression, which is then added to it. */
  meet(user: number, campaign: number, timeMs: number): number {
    const mixed = Math.imul(user, 0x9e3779b1) ^ Math.imul(campaign + 1, 0x85ebca6b);
    const cell = (mixed ^ (mixed >>> 15)) & (CELLS - 1);
    let before = 0;
    if (this.#user[cell] === user && this.#campaign[cell] === campaign) {
      before = this.#count[cell]! * 2 ** ((this.#timeMs[cell]! - timeMs) / HALF_LIFE_MS);
    }
    this.#user[cell] = user;
    this.#campaign[cell] = campaign;
    this.#count[cell] = before + 1;
    this.#timeMs[cell] = timeMs;
    return before;
  }
}
