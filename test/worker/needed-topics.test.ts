import { describe, expect, it } from 'vitest';
import { judgeTopic, neededTopics } from '../../runtime/command/needed-topics.ts';
import { smallPlan } from './small-app.ts';

const sizes = { sourcePartitions: 6, examplePartitions: 1, replication: 3, units: 1 };
const needed = neededTopics(smallPlan(), 'ads', sizes);
const named = (name: string) => needed.find((topic) => topic.name === name)!;

describe('topics that a program needs', () => {
  it('are its sources, its sets, dead letters, progress and decisions', () => {
    expect(needed.map(({ name, partitions }) => `${name} ${partitions}`).sort()).toEqual([
      'ads.dead 1',
      'ads.decisions 1',
      'ads.plain 1',
      'ads.progress 1',
      'ads.shown 1',
      'clks 6',
      'imps 6',
    ]);
    expect(named('ads.progress').config).toEqual({
      'cleanup.policy': 'compact',
      'max.message.bytes': '2097152',
      'min.insync.replicas': '2',
      'retention.ms': '-1',
    });
  });

  const right = {
    partitions: 1,
    replication: 3,
    config: {
      ...{ 'cleanup.policy': 'compact', 'min.insync.replicas': '2', 'retention.ms': '-1' },
      'max.message.bytes': '2097152',
    },
  };

  it.each([
    ['not there', null, 'missing', ''],
    ['as it should be', right, 'right', ''],
    ['more partitions than units', { ...right, partitions: 2 }, 'wrong', 'must have 1'],
    [
      'progress that is deleted after a week',
      { ...right, config: { ...right.config, 'retention.ms': '604800000' } },
      'wrong',
      'retention.ms is 604800000, not -1',
    ],
    [
      'records as brokers take them by default',
      { ...right, config: { ...right.config, 'max.message.bytes': '1048588' } },
      'differs',
      'a very long row may not fit',
    ],
    [
      'records that are smaller than ours',
      { ...right, config: { ...right.config, 'max.message.bytes': '500000' } },
      'wrong',
      'max.message.bytes is 500000, not 2097152',
    ],
    ['fewer replicas', { ...right, replication: 1 }, 'differs', '1 replicas, not 3'],
  ])('%s', (_, found, state, remark) => {
    const finding = judgeTopic(named('ads.progress'), found);
    expect(finding.state).toBe(state);
    expect(finding.remarks.join()).toContain(remark);
  });

  it('keep source records as long as `retain` says, and dead letters no longer', () => {
    const plan = smallPlan();
    const streams = plan.streams.map((stream) =>
      stream.name === 'imp' ? { ...stream, retainMs: 86_400_000 } : stream,
    );
    const kept = neededTopics({ ...plan, streams }, 'ads', sizes);
    const judged = (name: string, ms: string) => {
      const topic = kept.find((each) => each.name === name)!;
      expect(topic.config['retention.ms']).toBe('86400000');
      const config = {
        ...{ 'min.insync.replicas': '2', 'retention.ms': ms },
        'max.message.bytes': '2097152',
      };
      return judgeTopic(topic, { partitions: 64, replication: 3, config }).state;
    };
    const weeks = ['3600000', '86400000', '604800000', '-1'];
    expect(weeks.map((ms) => judged('imps', ms))).toEqual([
      'differs',
      'right',
      'differs',
      'differs',
    ]);
    expect(weeks.map((ms) => judged('ads.dead', ms))).toEqual(['right', 'right', 'wrong', 'wrong']);
    expect(kept.find(({ name }) => name === 'clks')!.config['retention.ms']).toBeUndefined();
  });

  it('leave a source topic as large as it is', () => {
    const found = { partitions: 64, replication: 3, config: { 'min.insync.replicas': '2' } };
    expect(judgeTopic(named('imps'), found).state).toBe('right');
  });
});
