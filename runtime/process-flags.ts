/**
 * How the JavaScript engine is set for this process. To be imported before anything else: what it says holds from then on.
 *
 * Most memory here is arrays outside the heap, and the engine would collect the small heap each time as much as it holds was
 * allocated outside, a hundred times a run; eleven times as much is waited for instead. And start-up runs much code a little:
 * compiling it well costs more than it gains, so a function must have run three times as long as usual first. (ads-60, CPU:
 * -10 % and -10 %.) Results never depend on either.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--heap-growing-percent=1000');
setFlagsFromString('--interrupt-budget=400000');
