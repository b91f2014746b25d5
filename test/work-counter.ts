/** Work counted exactly, whatever else the machine does: how often blocks of code are entered, by V8's precise coverage. */
import { Session } from 'node:inspector';

type Coverage = {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
  }[];
};

export class WorkCounter {
  readonly #session = new Session();

  /** Counts code that is loaded from here on. */
  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks of operators, of what writes example blocks, and of code generated at run time, that were entered since the last time. */
  take(): number {
    const { result } = this.#post('Profiler.takePreciseCoverage') as Coverage;
    let entered = 0;
    for (const { url, functions } of result) {
      if (url !== '' && !/\/(operators|runtime\/block)\//.test(url)) continue;
      for (const { ranges } of functions) for (const { count } of ranges) entered += count;
    }
    return entered;
  }

  stop(): void {
    this.#session.disconnect();
  }

  /** Within one thread the answer is there when the call returns. */
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }
}
