/** Errors of kafkajs as faults that say what they leave behind. */
import { ClusterFault, type FaultEffect } from '../worker/cluster.ts';

type KafkaError = Error & {
  readonly type?: string;
  readonly code?: string | number;
  readonly retriable?: boolean;
};

/** `what` was attempted, for people. */
export function classify(error: unknown, what: string): ClusterFault {
  if (error instanceof ClusterFault) return error;
  const found = inner(error);
  const kind = kindOf(found);
  const effect = effectOf(found, kind);
  const hint = HINTS[kind] === undefined ? '' : ` ${HINTS[kind]}`;
  return new ClusterFault(effect, kind, `Kafka: ${what}: ${found.message}.${hint}`, {
    cause: error,
  });
}

/** Whether asking for metadata anew may help: the partition's leader has moved or is gone. */
export function isStaleMetadata(error: unknown): boolean {
  const found = inner(error);
  return found.type === undefined || STALE.has(found.type);
}

/** The broker has these records of ours already: an earlier try of the same request went through. */
export function isDuplicate(error: unknown): boolean {
  return inner(error).type === 'DUPLICATE_SEQUENCE_NUMBER';
}

function inner(error: unknown): KafkaError {
  let found: Error = error instanceof Error ? error : new Error(String(error));
  while (found.name === 'KafkaJSNumberOfRetriesExceeded' && found.cause instanceof Error) {
    found = found.cause;
  }
  // Several topics in one request fail as one error; ours hold one each.
  if (found.name === 'KafkaJSAggregateError' && 'errors' in found && Array.isArray(found.errors)) {
    const [first] = found.errors;
    if (first instanceof Error) return inner(first);
  }
  return found;
}

function kindOf(error: KafkaError): string {
  if (typeof error.code === 'string' && TLS_CODE.test(error.code)) return 'tls_failed';
  if (error.type !== undefined && error.type !== 'KAFKAJS_UNKNOWN_ERROR_CODE') {
    return error.type.toLowerCase();
  }
  const unknown = /Unknown error code (\d+)/.exec(error.message)?.[1];
  if (unknown !== undefined) return LATER_CODES[Number(unknown)] ?? `error_code_${unknown}`;
  return error.name === 'Error' ? String(error.code ?? 'error') : error.name;
}

function effectOf(error: KafkaError, kind: string): FaultEffect {
  if (FENCED.has(kind)) return 'fenced';
  if (ABORTABLE.has(kind)) return 'abortable';
  if (RETRIABLE.has(kind)) return 'retriable';
  if (kind === 'tls_failed') return 'fatal';
  // Of the protocol, and not said to pass.
  if (error.type !== undefined) return error.retriable === true ? 'retriable' : 'fatal';
  if (/SASL|UnsupportedMagicByte|NotImplemented/i.test(error.name)) return 'fatal';
  if (error.name.startsWith('KafkaJS')) return 'retriable';
  return typeof error.code === 'string' ? 'retriable' : 'fatal';
}

/** Of Node's TLS: certificates that do not verify, and peers that speak something else. */
const TLS_CODE = /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/;

/** Codes that Kafka has and this version of kafkajs does not know by name. */
const LATER_CODES: Readonly<Record<number, string>> = {
  90: 'producer_fenced',
  120: 'transaction_abortable',
};

const FENCED = new Set([
  'invalid_producer_epoch',
  'producer_fenced',
  'invalid_producer_id_mapping',
  'transaction_coordinator_fenced',
]);

const ABORTABLE = new Set([
  'transaction_abortable',
  'out_of_order_sequence_number',
  'unknown_producer_id',
  'invalid_txn_state',
  'operation_not_attempted',
]);

const RETRIABLE = new Set(['broker_not_available', 'concurrent_transactions']);

const STALE = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
  'REPLICA_NOT_AVAILABLE',
]);

const HINTS: Readonly<Record<string, string>> = {
  unknown_topic_or_partition: 'millrace topics plan says which topics the program needs.',
  offset_out_of_range: 'The records there were deleted: retention is shorter than the way back.',
  topic_authorization_failed: 'The user lacks rights on a topic.',
  group_authorization_failed: 'The user lacks rights on the consumer group.',
  transactional_id_authorization_failed: 'The user lacks rights on the transactional id.',
  sasl_authentication_failed: 'User, password or mechanism is wrong.',
  KafkaJSSASLAuthenticationError: 'saslUsername, the password or saslMechanism is wrong.',
  tls_failed:
    'tlsCaFile must hold the authority that signed the broker, and the certificate must name the host.',
  invalid_replication_factor: 'There are fewer brokers than copies: --replication N asks for N.',
  message_too_large: 'Raise max.message.bytes of the topic; millrace topics plan says to what.',
};
