import { Fault } from '../fault.ts';

/** Throws a Fault `block_damaged` that says what is wrong with the bytes of an example block. */
export function blockDamaged(what: string): never {
  throw new Fault('block_damaged', `an example block is damaged: ${what}`);
}
