/** JSON texts and NDJSON lines at random: valid ones with odd white space and escapes, and damaged ones. */
import type { Rng } from '../random.ts';

/** A random JSON text: valid, of every kind, with odd white space and escapes. */
function randomJson(random: Rng, depth: number): string {
  const space = () => (random.chance(0.1) ? random.pick([' ', '\t', '  ', '\r']) : '');
  const text = () => {
    const parts = [
      'a',
      'é',
      '😀',
      '\\n',
      '\\u0041',
      '\\ud83d\\ude00',
      '\\ud800',
      '\\"',
      '\\\\',
      'xyz',
      '\\/',
    ];
    return `"${Array.from({ length: random.below(4) }, () => random.pick(parts)).join('')}"`;
  };
  const number = () => {
    const digits = (n: number) => Array.from({ length: n }, () => random.below(10)).join('');
    const whole = random.chance(0.3) ? '0' : `${1 + random.below(9)}${digits(random.below(22))}`;
    const fraction = random.chance(0.5) ? `.${digits(1 + random.below(18))}` : '';
    const sign = random.pick(['', '+', '-']);
    const exponent = random.chance(0.2)
      ? `${random.pick(['e', 'E'])}${sign}${random.below(330)}`
      : '';
    return `${random.pick(['', '', '-'])}${whole}${fraction}${exponent}`;
  };
  const roll = random.below(depth > 2 ? 6 : 8);
  if (roll < 2) return text();
  if (roll < 4) return number();
  if (roll === 4) return random.pick(['true', 'false']);
  if (roll === 5) return 'null';
  const items = Array.from({ length: random.below(4) }, () => {
    const value = `${space()}${randomJson(random, depth + 1)}${space()}`;
    return roll === 6 ? value : `${space()}${text()}${space()}:${value}`;
  });
  return roll === 6 ? `[${items.join(',')}${items.length ? '' : space()}]` : `{${items.join(',')}}`;
}

export function randomLine(random: Rng): string {
  const names = ['f', 'flag', 'ids', 'n', 'plain', 's', 'other'];
  if (random.chance(0.05)) return randomJson(random, 0);
  const count = random.below(8);
  const parts = Array.from({ length: count }, (_, i) => {
    const name = random.chance(0.7) ? names[i % names.length]! : random.pick(names);
    let value = randomJson(random, 1);
    if (random.chance(0.7)) {
      if (name === 'flag') value = random.pick(['true', 'false']);
      if (name === 'n') value = String(random.below(1e6));
      if (name === 'ids') value = random.pick(['[]', '["a","b"]', '["\\u00e9"]']);
      if (name === 's' || name === 'plain') value = random.pick(['"u1"', '"häh"', '"a\\tb"']);
    }
    return `"${name}":${value}`;
  });
  return `{${parts.join(random.chance(0.9) ? ',' : ' , ')}}`;
}

export function mutated(line: string, random: Rng): string {
  const at = random.below(line.length + 1);
  const junk = random.pick([
    '',
    '"',
    '{',
    '}',
    ',',
    ':',
    '\\',
    '0',
    '-',
    '.',
    'e',
    'nul',
    ' ',
    '\u0001',
    ']',
    'x',
  ]);
  return line.slice(0, at) + junk + line.slice(at + random.below(3));
}
