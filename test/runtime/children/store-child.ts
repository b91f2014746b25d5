/** Run by the store's test in a process of its own: `store-child.ts hold|write FOLDER`. */
import { Fault } from '../../../runtime/fault.ts';
import { openRocksStore } from '../../../runtime/store/rocks-store.ts';

const [act, folder] = process.argv.slice(2);

try {
  const store = await openRocksStore(folder!);
  for (let k = 0; act === 'write'; k++) {
    const pages = Array.from({ length: 40 }, (_, page) => {
      return { set: 's', slab: 'x', page, bytes: new Uint8Array(65_536).fill(k) };
    });
    await store.write(pages, Buffer.from(String(k)));
    console.log(k);
  }
} catch (error) {
  console.log(error instanceof Fault ? error.kind : error);
}
