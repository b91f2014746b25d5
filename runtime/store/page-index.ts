import type { ColdStore } from '../../operators/state/cold-store.ts';
import type { StateStore } from './state-store.ts';

/** A key and what is kept under it. */
export type IndexEntry = readonly [key: Buffer, value: Buffer];

/** The database beside the page file: small entries, written together. Its errors are Faults. */
export type PageIndex = {
  readonly kind: StateStore['kind'];
  /** Its folder, for messages. */
  readonly folder: string;
  /** Every entry of a page. */
  places(): Promise<IndexEntry[]>;
  meta(): Promise<Uint8Array | null>;
  /** Atomic, and durable on return. `gone`: keys to delete. */
  write(entries: readonly IndexEntry[], gone: readonly Buffer[]): Promise<void>;
  readonly cold?: ColdStore;
  close(): Promise<void>;
};
