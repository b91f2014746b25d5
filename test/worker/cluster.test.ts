import { describe, expect, it } from 'vitest';
import { ClusterFault, type FaultEffect } from '../../runtime/worker/cluster.ts';

describe('a fault of the cluster', () => {
  const effects: FaultEffect[] = ['retriable', 'abortable', 'fenced', 'indeterminate', 'fatal'];
  it.each(effects)('%s: only what left nothing behind may be retried as it is', (effect) => {
    const fault = new ClusterFault(effect, 'some_kind', 'message');
    expect(fault.retriable).toBe(effect === 'retriable');
    expect(fault.kind).toBe('some_kind');
  });
});
