import type { KafkaSettings } from '../../runtime/kafka/settings.ts';
import type { Broker } from './broker.ts';

/** `address` may name several, with commas. */
export function settingsOf(
  broker: Pick<Broker, 'address'>,
  more: Partial<KafkaSettings> = {},
): KafkaSettings {
  return {
    brokers: broker.address.split(','),
    clientId: 'millrace-test',
    tls: false,
    sasl: null,
    compression: 'lz4',
    warn: () => undefined,
    ...more,
  };
}
