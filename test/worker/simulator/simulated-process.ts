import type { Rng } from '../../random.ts';
import type { Timeline } from './timeline.ts';

/** How bad the network is. */
export type Weather = {
  /** Chance that a request, or an answer, is lost. */
  readonly loss: number;
  /** Greatest delay of a message, ms. */
  readonly delayMs: number;
};

/** A worker process in virtual time: it may be killed, and stopped for a while. What it sent before goes on its way. */
export class SimulatedProcess {
  isAlive = true;
  readonly timeline: Timeline;
  readonly random: Rng;
  readonly weather: Weather;
  #isStopped = false;
  readonly #held: (() => void)[] = [];

  constructor(timeline: Timeline, random: Rng, weather: Weather) {
    this.timeline = timeline;
    this.random = random;
    this.weather = weather;
  }

  kill(): void {
    this.isAlive = false;
  }

  stop(): void {
    this.#isStopped = true;
  }

  resume(): void {
    this.#isStopped = false;
    for (const act of this.#held.splice(0)) this.wake(act);
  }

  /** Something happens to the process: now, when it goes on, or never. */
  wake(act: () => void): void {
    if (!this.isAlive) return;
    if (this.#isStopped) this.#held.push(act);
    else act();
  }

  delay(): number {
    const { delayMs } = this.weather;
    return this.random.chance(0.05)
      ? delayMs * 5 * this.random.next()
      : delayMs * this.random.next();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.timeline.after(ms, () => this.wake(resolve));
    });
  }

  /**
   * A request that is repeated until it is answered, as idempotent ones are: `act` takes effect once, at some time, also
   * when the process is gone by then. What it throws is the answer.
   */
  request<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.timeline.after(this.delay(), () => {
        try {
          const answer = act();
          this.#answer(() => resolve(answer));
        } catch (error) {
          this.#answer(() => reject(error));
        }
      });
    });
  }

  #answer(act: () => void): void {
    const late = this.random.chance(this.weather.loss) ? this.weather.delayMs * 10 : 0;
    this.timeline.after(this.delay() + late, () => this.wake(act));
  }
}
