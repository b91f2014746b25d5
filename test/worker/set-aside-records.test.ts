import { expect, it } from 'vitest';
import type { DeadRecord } from '../../runtime/worker/dead-letter.ts';
import type { LiveRead, LiveSource } from '../../runtime/worker/live-source.ts';
import { SetAsideRecords } from '../../runtime/worker/set-aside-records.ts';
import type { UnitOutputs } from '../../runtime/worker/unit-outputs.ts';
import { smallPlan } from './small-app.ts';

/** A malformed record of `imps`, as it comes to the dead letters. */
async function deadLetter(pii: readonly number[] | null): Promise<DeadRecord> {
  const plan = smallPlan();
  const stream = plan.streams.findIndex(({ name }) => name === 'imp');
  const streams = plan.streams.with(stream, {
    ...plan.streams[stream]!,
    ...(pii === null ? {} : { pii }),
  });
  const dead: DeadRecord[] = [];
  const outputs = { deadTopic: 'ads.dead', dead: async (each: DeadRecord) => dead.push(each) };
  const bytes = Buffer.from('u17{"user_id":"u17"');
  const records = {
    ...{
      bytes,
      keyStart: [0],
      keyEnd: [3],
      valueStart: [3],
      valueEnd: [bytes.length],
      offset: [40],
    },
    headers: () => [['trace', Buffer.from('u17')]],
  };
  const malformed = [{ offset: 7, reason: 'not valid JSON', raw: null }];
  await new SetAsideRecords({ ...plan, streams }, outputs as unknown as UnitOutputs, {}).add(
    { scan: { streams: [stream] }, of: { topic: 'imps', partition: 2 } } as unknown as LiveSource,
    {
      aside: [{ late: [], malformed }],
      records,
      firstRecord: 0,
      firstRow: 7,
    } as unknown as LiveRead,
  );
  return dead[0]!;
}

it('a dead letter is the whole record; where a field is tagged `pii`, its place alone', async () => {
  const whole = await deadLetter(null);
  expect(Buffer.from(whole.value!).toString()).toBe('{"user_id":"u17"');
  expect(whole.headers).toEqual({ trace: 'u17' });
  expect(whole.place).toMatchObject({ 'millrace.offset': '40' });
  const place = await deadLetter([0]);
  expect(place).toEqual({
    ...{ kind: 'malformed', reason: 'not valid JSON', key: null, value: null },
    headers: {},
    place: {
      ...{ 'millrace.stream': 'imp', 'millrace.topic': 'imps' },
      ...{ 'millrace.partition': '2', 'millrace.offset': '40' },
    },
  });
});
