/** The ads-60 events as records of topics: JSON as the files have them, or protobuf by a schema of the same fields. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import protobuf from 'protobufjs';
import type { Cluster, ProducedRecord } from '../../runtime/worker/cluster.ts';
import { type Ads60Files, ads60Program } from './ads60-data.ts';

const SEND_RECORDS = 5_000;

export const SCHEMA = `syntax = "proto3";
package ads;
message Impression {
  string impression_id = 1; int64 ts = 2; string user_id = 3; string ad_id = 4; string campaign_id = 5;
  string advertiser_id = 6; string placement = 7; double bid = 8;
}
message Click {
  string click_id = 1; int64 ts = 2; string impression_id = 3; string user_id = 4; string ad_id = 5;
  string campaign_id = 6; string placement = 7;
}
`;

/** Source topics: `name` tells them from those of other cases. */
export type Load = {
  readonly name: string;
  readonly form: 'json' | 'protobuf';
  readonly partitions: number;
};

/** ads-60 over the topics of a load. */
export function programOver(name: string): string {
  return ads60Program(60)
    .replace('"ads.impressions"', `"${topicOf('impressions', name)}"`)
    .replace('"ads.clicks"', `"${topicOf('clicks', name)}"`);
}

export async function fill(cluster: Cluster, files: Ads60Files, load: Load): Promise<void> {
  const { root } = protobuf.parse(SCHEMA, { keepCase: true });
  for (const [stream, file, message] of [
    ['impressions', files.impressions, 'ads.Impression'],
    ['clicks', files.clicks, 'ads.Click'],
  ] as const) {
    const type = root.lookupType(message);
    const encode = (line: string): Uint8Array =>
      load.form === 'json'
        ? Buffer.from(line)
        : type.encode(type.create(JSON.parse(line))).finish();
    const { partitions } = load;
    await fillTopic(cluster, topicOf(stream, load.name), { file, partitions, encode });
  }
}

/** Lines are dealt out to the partitions in turn. */
async function fillTopic(
  cluster: Cluster,
  topic: string,
  from: {
    readonly file: string;
    readonly partitions: number;
    readonly encode: (line: string) => Uint8Array;
  },
): Promise<void> {
  const producer = cluster.producer();
  const waiting: ProducedRecord[][] = Array.from({ length: from.partitions }, () => []);
  const send = async (partition: number) => {
    await producer.send({ topic, partition }, waiting[partition]!);
    waiting[partition] = [];
  };
  let lines = 0;
  for await (const line of createInterface({ input: createReadStream(from.file) })) {
    const partition = lines++ % from.partitions;
    waiting[partition]!.push({ key: null, value: from.encode(line) });
    if (waiting[partition]!.length >= SEND_RECORDS) await send(partition);
  }
  for (let partition = 0; partition < from.partitions; partition++) await send(partition);
  await producer.close();
}

export function topicOf(stream: 'impressions' | 'clicks', name: string): string {
  return `ads.${stream}.${name}`;
}
