/**
 * Whether Kafka can be reached as told, asked before anything waits for it: a wrong address, password or certificate is a
 * message within seconds. What may pass (a broker that is starting) is tried again meanwhile.
 */
import { ClusterFault } from '../worker/cluster.ts';
import { Client } from './client.ts';
import { classify } from './errors.ts';
import type { KafkaSettings } from './settings.ts';

const REACH_WITHIN_MS = 5_000;
const RETRY_MS = 250;

/** Throws a fatal ClusterFault that says what is wrong. */
export async function reachKafka(settings: KafkaSettings): Promise<void> {
  const client = new Client(settings);
  const found = { why: 'it does not answer' };
  const late = lateAfter(REACH_WITHIN_MS);
  try {
    const isThere = await Promise.race([late.promise, tryUntilThere(client, settings, found)]);
    if (isThere) return;
  } finally {
    late.cancel();
    // A connection that is being made is not waited for.
    client.close();
  }
  const seconds = REACH_WITHIN_MS / 1000;
  throw new ClusterFault(
    'fatal',
    'unreachable',
    `Kafka at ${settings.brokers.join(', ')} cannot be reached: ${found.why}. ${HINT} (Tried for ${seconds} s.)`,
  );
}

async function tryUntilThere(
  client: Client,
  { brokers }: KafkaSettings,
  found: { why: string },
): Promise<boolean> {
  const giveUpAt = Date.now() + REACH_WITHIN_MS;
  while (Date.now() < giveUpAt) {
    try {
      await client.controller();
      return true;
    } catch (error) {
      const fault = classify(error, `connecting to ${brokers.join(', ')}`);
      if (fault.effect !== 'retriable') throw fault;
      found.why = plain(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  return false;
}

/** The library's words, without its own names for what it did. */
function plain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^Connection error: /, '').replace(/\.?\s*$/, '');
}

function lateAfter(ms: number): { promise: Promise<false>; cancel: () => void } {
  let cancel = () => {};
  const promise = new Promise<false>((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    cancel = () => clearTimeout(timer);
  });
  return { promise, cancel };
}

const HINT =
  'Are host and port those of a broker, is it up, and does the listener want what tls and saslMechanism say?';
