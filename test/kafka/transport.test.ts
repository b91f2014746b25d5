/** The transport against a real broker. Where no broker can be started the tests say so and count as skipped. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaCluster } from '../../runtime/kafka/kafka-cluster.ts';
import { Topics } from '../../runtime/kafka/topics.ts';
import type { ClusterReader, Partition, ProducedRecord } from '../../runtime/worker/cluster.ts';
import { Broker } from './broker.ts';
import { whyNoBroker } from './jars.ts';
import { settingsOf } from './settings.ts';

const reason = whyNoBroker();
const START_MS = 120_000;
const TEST_MS = 60_000;

describe.skipIf(reason !== null)(`Kafka transport${reason === null ? '' : `: ${reason}`}`, () => {
  let broker: Broker;
  let topics: Topics;
  let cluster: KafkaCluster;
  const closing: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    broker = await Broker.start();
    topics = new Topics(settingsOf(broker));
    cluster = new KafkaCluster(settingsOf(broker));
    closing.push(topics, cluster);
  }, START_MS);

  afterAll(async () => {
    for (const each of closing) await each.close();
    await broker?.stop();
  });

  async function topic(name: string, partitions: number): Promise<Partition[]> {
    await topics.create({ name, partitions, replication: 1, config: {} });
    return Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }));
  }

  function reader(isolation: 'committed' | 'uncommitted'): ClusterReader {
    const made = cluster.reader({ isolation, bufferBytes: 1 << 20 });
    closing.push(made);
    return made;
  }

  it('says which topics there are', async () => {
    await topic('there', 3);
    expect(await cluster.partitions(['there', 'nowhere'])).toEqual(
      new Map([
        ['there', 3],
        ['nowhere', null],
      ]),
    );
  });

  it('says why a topic cannot be made', async () => {
    const made = topics.create({ name: 'thrice', partitions: 1, replication: 3, config: {} });
    await expect(made).rejects.toMatchObject({
      effect: 'fatal',
      message: expect.stringMatching(/replication.*--replication N asks for N/is),
    });
  });

  it.each(['none', 'gzip', 'lz4'] as const)(
    'reads back what it wrote: %s',
    async (compression) => {
      const [to] = await topic(`written-${compression}`, 1);
      const own = new KafkaCluster(settingsOf(broker, { compression }));
      const producer = own.producer();
      closing.push(producer, own);
      const records = numbered(5_000, 'x');
      expect(await producer.send(to!, records.slice(0, 4_000))).toBe(0);
      expect(await producer.send(to!, records.slice(4_000))).toBe(4_000);
      const from = reader('committed');
      from.add(to!, 1);
      const found = await readTo(from, to!, 5_000);
      expect(found.map(({ offset }) => offset)).toEqual(records.map((_, i) => i).slice(1));
      expect(found.map(({ text }) => text)).toEqual(textsOf(records).slice(1));
      expect(found[0]!.headers).toEqual({ tag: 'x' });
    },
    TEST_MS,
  );

  it(
    'shows transactions whole, and those of a fenced holder never',
    async () => {
      const [to, other] = await topic('transacted', 2);
      const first = cluster.transactions('transacted-id');
      const second = cluster.transactions('transacted-id');
      closing.push(first, second);
      await first.fence();
      await first.begin();
      await first.send(to!, numbered(3, 'aborted'));
      await first.abort();
      await first.begin();
      await first.send(to!, numbered(2, 'first'));
      await first.send(other!, numbered(1, 'first'));
      await first.commit();
      await first.begin();
      await first.send(to!, numbered(5, 'left open'));
      await second.fence();
      await expect(first.commit()).rejects.toMatchObject({ effect: 'fenced' });
      await second.begin();
      await second.send(to!, numbered(1, 'second'));
      await second.commit();
      const from = reader('committed');
      from.add(to!, 0);
      const [{ end }] = await cluster.bounds([to!], 'committed');
      const texts = (await readTo(from, to!, end)).map(({ headers }) => headers.tag);
      expect(texts).toEqual(['first', 'first', 'second']);
    },
    TEST_MS,
  );

  it(
    'goes on over a broker that is killed and comes back',
    async () => {
      const [to] = await topic('killed', 1);
      const producer = cluster.producer();
      closing.push(producer);
      const from = reader('committed');
      from.add(to!, 0);
      await producer.send(to!, numbered(10, 'before'));
      await broker.kill();
      const sending = producer.send(to!, numbered(10, 'after'));
      await broker.restart();
      await sending;
      const found = await readTo(from, to!, 20);
      expect(found.map(({ headers }) => headers.tag)).toEqual([
        ...Array(10).fill('before'),
        ...Array(10).fill('after'),
      ]);
    },
    TEST_MS,
  );

  it(
    'shares units evenly and keeps them where they are',
    async () => {
      await topic('units', 4);
      const request = { group: 'units', topic: 'units', units: 4, onAssigned: () => undefined };
      const one = cluster.join(request);
      await one.confirm();
      expect(one.units()).toEqual([0, 1, 2, 3]);
      const two = cluster.join(request);
      await two.confirm();
      expect([one.units().length, two.units()]).toEqual([2, [2, 3]]);
      await one.leave();
      await two.confirm();
      while (two.units().length < 4) await two.confirm();
      expect(two.units()).toEqual([0, 1, 2, 3]);
      await two.leave();
    },
    TEST_MS,
  );
});

function numbered(count: number, tag: string): ProducedRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    key: i % 2 === 0 ? null : Buffer.from(`${i}`),
    value: Buffer.from(`${tag} ${i}`),
    headers: { tag },
  }));
}

function textsOf(records: readonly ProducedRecord[]): string[] {
  return records.map(({ value }) => Buffer.from(value!).toString());
}

type Found = { offset: number; text: string; headers: Record<string, string> };

async function readTo(reader: ClusterReader, of: Partition, end: number): Promise<Found[]> {
  const found: Found[] = [];
  while (reader.position(of).next < end || reader.position(of).end === null) {
    const records = reader.take(of);
    if (records === null) {
      await reader.wait(1_000);
      continue;
    }
    for (let i = 0; i < records.n; i++) {
      const { bytes, valueStart, valueEnd, offset } = records;
      found.push({
        offset: offset[i]!,
        text: Buffer.from(bytes.subarray(valueStart[i], valueEnd[i])).toString(),
        headers: Object.fromEntries(
          records.headers(i).map(([name, value]) => [name, Buffer.from(value!).toString()]),
        ),
      });
    }
  }
  return found;
}
