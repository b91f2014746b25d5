import type { KafkaSettings } from '../../runtime/kafka/settings.ts';
import type { Broker } from './broker.ts';

export function settingsOf(
  broker: Pick<Broker, 'address'>,
  more: Partial<KafkaSettings> = {},
): KafkaSettings {
  return {
    brokers: [broker.address],
    clientId: 'millrace-test',
    tls: false,
    sasl: null,
    compression: 'lz4',
    warn: () => undefined,
    ...more,
  };
}
