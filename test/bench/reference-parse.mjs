/** Reference: JSON.parse of every line of the files, and nothing else. */
import { createReadStream } from 'node:fs';

let fields = 0;
for (const file of process.argv.slice(2)) {
  let rest = '';
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, encoding: 'utf8' })) {
    const text = rest + chunk;
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      fields += JSON.parse(text.slice(start, end)).ts > 0 ? 1 : 0;
      start = end + 1;
    }
    rest = text.slice(start);
  }
}
console.log(fields);
