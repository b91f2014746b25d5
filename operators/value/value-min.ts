/** The least number of a window: a later number that is as small makes an earlier one needless. */
import { EdgeStore } from './value-edge.ts';
import type { ValueStoreConstructor } from './value-store.ts';

export const minStore: ValueStoreConstructor = (context) =>
  new EdgeStore(context, { yields: (earlier, later) => earlier >= later });
