/** Several brokers of one cluster on this machine: each is broker and controller, topics have a copy on three of them. */
import { Broker, freePorts, newClusterId } from './broker.ts';

export type Brokers = {
  readonly nodes: readonly Broker[];
  /** host:port of all. */
  readonly address: string;
  readonly replication: number;
};

const COPIES_MAX = 3;

export async function startBrokers(count: number): Promise<Brokers> {
  const clusterId = newClusterId();
  const ports = [];
  for (let node = 0; node < count; node++) ports.push(await freePorts());
  const voters = ports.map(({ controller }, node) => `${node + 1}@127.0.0.1:${controller}`);
  const replication = Math.min(COPIES_MAX, count);
  const inSync = Math.max(1, replication - 1);
  const own = ['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'];
  // None is up before a majority is.
  const nodes = await Promise.all(
    ports.map((of, node) =>
      Broker.start({
        ...{ clusterId, ports: of },
        lines: () => [
          `node.id=${node + 1}`,
          `controller.quorum.voters=${voters.join(',')}`,
          ...own.map((topic) => `${topic}.replication.factor=${replication}`),
          `transaction.state.log.min.isr=${inSync}`,
          `min.insync.replicas=${inSync}`,
          'replica.lag.time.max.ms=5000',
          'controller.quorum.election.timeout.ms=500',
          'controller.quorum.fetch.timeout.ms=1000',
          'broker.session.timeout.ms=3000',
        ],
      }),
    ),
  );
  return { nodes, address: nodes.map(({ address }) => address).join(','), replication };
}
