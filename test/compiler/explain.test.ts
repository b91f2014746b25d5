import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compile } from '../../compiler/compile.ts';
import { explain } from '../../compiler/explain.ts';
import { explainDot } from '../../compiler/explain-dot.ts';
import { parseFile } from '../../dsl/parse.ts';
test('x', () => { 
 const t=readFileSync(`features/ads.feat`,'utf8');
 const {file}=parseFile(`features/ads.feat`, t);
 const c = compile([file]); 
 const t0=performance.now();
 console.log(explain(c.program!, {texts:new Map([['features/ads.feat',t]])})); console.log(performance.now()-t0); console.log(explainDot(c.program!)); expect(1).toBe(1);});
