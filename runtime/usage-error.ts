/** The command line is wrong (exit code 2): the message says what, and what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
