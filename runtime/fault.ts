/** What a fault says besides its message: topic, partition, offset, path, … as plain data. */
export type FaultContext = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The world's error: a file that is truncated, a broker that is away, a disk that is full.
 * Never the author's mistake (a diagnostic) and never ours (an assertion).
 * `kind` is a stable word to branch on; `retriable` says whether the same act may succeed later.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly kind: string;
  readonly retriable: boolean;
  readonly context: FaultContext;

  constructor(
    kind: string,
    message: string,
    more: { retriable?: boolean; context?: FaultContext; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.kind = kind;
    this.retriable = more.retriable ?? false;
    this.context = more.context ?? {};
  }
}
