/** Raised by `assert`: the engine broke one of its own promises. Never caught and carried on from. */
class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States a promise of ours; on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
