/** The families of value stores: whoever adds one enters its constructor here. */
import type { ValueStore } from '../../compiler/plan/plan.ts';
import { bagStore } from './value-bag.ts';
import { decayedStore } from './value-decayed.ts';
import { firstStore } from './value-first.ts';
import { lastStore } from './value-last.ts';
import { latestStore } from './value-latest.ts';
import { maxStore } from './value-max.ts';
import { minStore } from './value-min.ts';
import { quantileStore } from './value-quantile.ts';
import type { ValueStoreConstructor } from './value-store.ts';
import { tallyStore } from './value-tally.ts';

export const valueFamilies: Partial<Record<ValueStore['family'], ValueStoreConstructor>> = {
  last: lastStore,
  first: firstStore,
  min: minStore,
  max: maxStore,
  latest: latestStore,
  tally: tallyStore,
  decayed: decayedStore,
  bag: bagStore,
  quantile: quantileStore,
};
