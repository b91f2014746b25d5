/** Virtual time, in one thread: events in the order of their times; whoever waits is woken by an event and by nothing else. */
export class Timeline {
  now = 1_800_000_000_000;
  readonly #events: { at: number; seq: number; act: () => void }[] = [];
  #seq = 0;

  after(ms: number, act: () => void): void {
    const event = { at: this.now + ms, seq: this.#seq++, act };
    let i = this.#events.push(event) - 1;
    // A heap, smallest first.
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (isBefore(this.#events[parent]!, event)) break;
      this.#events[i] = this.#events[parent]!;
      i = parent;
    }
    this.#events[i] = event;
  }

  /** Runs events until `done`, giving everyone who was woken their turn in between. False: nothing is left, or time is up. */
  async run(done: () => boolean, until: number): Promise<boolean> {
    while (!done()) {
      if (this.#events.length === 0 || this.#events[0]!.at > until) return false;
      const event = this.#pop()!;
      this.now = Math.max(this.now, event.at);
      event.act();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return true;
  }

  #pop() {
    const first = this.#events[0];
    if (first === undefined) return null;
    const last = this.#events.pop()!;
    const n = this.#events.length;
    if (n > 0) {
      let i = 0;
      for (;;) {
        let child = i * 2 + 1;
        if (child >= n) break;
        if (child + 1 < n && isBefore(this.#events[child + 1]!, this.#events[child]!)) child++;
        if (isBefore(last, this.#events[child]!)) break;
        this.#events[i] = this.#events[child]!;
        i = child;
      }
      this.#events[i] = last;
    }
    return first;
  }
}

type Timed = { readonly at: number; readonly seq: number };

function isBefore(a: Timed, b: Timed): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq);
}
