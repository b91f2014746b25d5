/** Pages as a store keeps them: each checkpoint adds those that are dirty, a restart gets all there are. */
import { SlabSet } from '../../operators/state/slab.ts';

export class SavedPages {
  readonly #slabs = new Map<string, Map<number, Uint8Array>>();

  save(set: SlabSet): void {
    for (const slab of set.all()) {
      const pages = this.#slabs.get(slab.name) ?? new Map<number, Uint8Array>();
      this.#slabs.set(slab.name, pages);
      for (const { page, bytes } of slab.dirtyPages()) pages.set(page, bytes.slice());
      slab.clean();
    }
  }

  load(): SlabSet {
    const set = new SlabSet();
    for (const [name, pages] of this.#slabs) {
      const slab = set.open(name);
      for (const [page, bytes] of pages) slab.load(page, bytes);
    }
    return set;
  }
}
