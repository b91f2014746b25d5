/** The first value of a window: no later one ever takes its place. */
import { EdgeStore } from './value-edge.ts';
import type { ValueStoreConstructor } from './value-store.ts';

export const firstStore: ValueStoreConstructor = (context) =>
  new EdgeStore(context, { yields: () => false });
