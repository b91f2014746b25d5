/** How to reach the brokers, and every bound of the Kafka transport, with its unit in its name. */
import type { TlsOptions } from 'node:tls';

export type Sasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: 'oauthbearer';
      readonly oauthBearerProvider: () => Promise<{ readonly value: string }>;
    };

export type KafkaSettings = {
  /** host:port, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls: TlsOptions | boolean;
  readonly sasl: Sasl | null;
  readonly compression: Compression;
  /** A warning for the log. */
  readonly warn: (message: string) => void;
};

export type Compression = 'none' | 'gzip' | 'lz4';

export const CONNECT_TIMEOUT_MS = 3_000;
/** A broker that has stopped answers nothing: after so long the request counts as lost. */
export const REQUEST_TIMEOUT_MS = 5_000;
/** How long one call goes on trying before it gives up: brokers restart within it. */
export const CALL_DEADLINE_MS = 30_000;
export const RETRY_FIRST_MS = 10;
export const RETRY_MAX_MS = 250;
/** Metadata older than this is asked for again: without it a client sticks to a leader that has stopped. */
export const METADATA_AGE_MS = 5_000;
/** A broker holds an empty fetch back for so long. */
export const FETCH_WAIT_MS = 200;
/** Of one partition in one fetch; a larger record comes all the same. */
export const FETCH_PARTITION_BYTES = 1 << 20;
export const FETCH_BYTES = 8 << 20;
/** Records and bytes of one record batch that we write. */
export const BATCH_RECORDS_MAX = 2_000;
export const BATCH_BYTES_MAX = 768 * 1024;
/** A transaction nobody ends is aborted by its coordinator after this long. */
export const TRANSACTION_TIMEOUT_MS = 60_000;
/** A member that is not heard of for so long has left. */
export const SESSION_TIMEOUT_MS = 10_000;
/** A rebalance waits so long for members to come back. */
export const REBALANCE_TIMEOUT_MS = 6_000;
export const HEARTBEAT_MS = 500;
