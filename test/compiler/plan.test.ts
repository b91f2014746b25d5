import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compile } from '../../compiler/compile.ts';
import { parseFile } from '../../dsl/parse.ts';
test('x', () => { for (const f of ['ads','jd','open_bandit']) for (const tests of [false,true]) {
 const t=readFileSync(`features/${f}.feat`,'utf8');
 const {file,diagnostics}=parseFile(`features/${f}.feat`, t);
 const t0=performance.now();
 const c = compile([file],{tests}); console.log(f, tests, performance.now()-t0, diagnostics, c.diagnostics.map(d=>d.message), c.plan?.keyspaces.map(k=>k.name+' '+k.feeds.length+' '+k.counters.length+' '+k.values.length), c.plan?.examples.map(e=>e.name+' '+e.features.map(f=>f.name+':'+f.input))); } });
