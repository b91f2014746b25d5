/** What ads-60 with `exact` windows must say, by the plainest way there is: every event is looked at for every value. */
import { readFileSync } from 'node:fs';
import type { Example } from '../../../runtime/examples.ts';
import type { Ads60Files } from '../ads60-data.ts';

const MINUTE = 60_000;
const WINDOWS = { '5m': 5 * MINUTE, '1h': 60 * MINUTE, '24h': 1440 * MINUTE } as const;
const KEYS = {
  user: (event: Event) => event.user_id,
  ad: (event: Event) => event.ad_id,
  placement: (event: Event) => event.placement,
  campaign: (event: Event) => event.campaign_id,
  pair: (event: Event) => `${event.user_id} ${event.campaign_id}`,
} as const;
/** Of labels: a click within half an hour, a conversion within a week of the impression. */
const HORIZONS = { clicked: 30 * MINUTE, bought: 7 * 1440 * MINUTE } as const;

type Event = {
  readonly impression_id: string;
  readonly ts: number;
  readonly user_id: string;
  readonly ad_id: string;
  readonly placement: string;
  readonly campaign_id: string;
  readonly bid: number;
};

export class Oracle {
  readonly #impressions: ReadonlyMap<string, Event>;
  readonly #events: {
    readonly impression: readonly Event[];
    readonly click: readonly Event[];
    readonly conversion: readonly Event[];
  };

  constructor(files: Ads60Files) {
    this.#events = {
      impression: lines(files.impressions),
      click: lines(files.clicks),
      conversion: lines(files.conversions),
    };
    this.#impressions = new Map(this.#events.impression.map((each) => [each.impression_id, each]));
  }

  get impressions(): number {
    return this.#impressions.size;
  }

  /** What is wrong with the example, in words; null: nothing. Values that the example has and this knows are compared. */
  wrong({ id, features, labels }: Example): string | null {
    const anchor = this.#impressions.get(id);
    if (anchor === undefined) return `${id} is no impression`;
    for (const [name, value] of Object.entries(this.#features(anchor))) {
      if (features[name] !== value) return `${id}: ${name} is ${value}, not ${features[name]}`;
    }
    for (const [name, label] of Object.entries(labels)) {
      if (label.age === null) continue;
      const value = this.#label(anchor, name as keyof typeof HORIZONS);
      if (label.value !== value) return `${id}: ${name} is ${value}, not ${label.value}`;
    }
    return null;
  }

  #features(anchor: Event): Record<string, number> {
    const values: Record<string, number> = {};
    for (const [key, keyOf] of Object.entries(KEYS)) {
      for (const [window, ms] of Object.entries(WINDOWS)) {
        const sees = (event: Event) =>
          event.ts < anchor.ts && event.ts >= anchor.ts - ms && keyOf(event) === keyOf(anchor);
        const shown = this.#events.impression.filter(sees);
        const clicks = this.#events.click.filter(sees).length;
        values[`${key}_imps[${window}]`] = shown.length;
        values[`${key}_clicks[${window}]`] = clicks;
        values[`${key}_bid[${window}]`] = shown.reduce((sum, { bid }) => sum + bid, 0);
        values[`${key}_ctr[${window}]`] = shown.length === 0 ? 0 : clicks / shown.length;
      }
    }
    return values;
  }

  #label(anchor: Event, name: keyof typeof HORIZONS): number {
    const events = name === 'clicked' ? this.#events.click : this.#events.conversion;
    const counts = ({ impression_id, ts }: Event) =>
      impression_id === anchor.impression_id && ts >= anchor.ts && ts <= anchor.ts + HORIZONS[name];
    return events.some(counts) ? 1 : 0;
  }
}

function lines(file: string): Event[] {
  const text = readFileSync(file, 'utf8').trimEnd();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Event);
}
