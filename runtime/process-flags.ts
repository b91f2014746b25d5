/**
 * How the JavaScript engine is set for this process. To be imported before anything else: what it says holds from then on.
 *
 * Most memory here is arrays outside the heap, and the engine would collect the small heap each time as much as it holds was
 * allocated outside, a hundred times a run; eleven times as much is waited for instead. And start-up runs much code a little:
 * compiling it well costs more than it gains, so a function must have run six times as long as usual first, and takes in less of
 * what it calls. Nor may optimised code rely on what classes a field has held: an operator has more instances than one, and each
 * that differed threw the code away. (ads-60, CPU: -10 %, -10 % and -9 %.) Results never depend on any of it.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--heap-growing-percent=1000');
// The engine of Node 22 and later counts calls instead, and says aloud that it knows no such flag.
if (Number.parseInt(process.versions.v8, 10) < 12) setFlagsFromString('--interrupt-budget=400000');
setFlagsFromString('--max-inlined-bytecode-size-cumulative=300');
setFlagsFromString('--no-track-field-types');
