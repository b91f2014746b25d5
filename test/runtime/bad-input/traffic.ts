/** A program, its inputs, and what can be wrong with them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rng } from '../../random.ts';

export const START = 1_730_000_000_000;

export const PROGRAM = `stream impression from "ads.impressions" {
  id   impression_id : string
  time ts            : timestamp
  user_id, ad_id : string
  late 5s
}

stream click from "ads.clicks" {
  id   click_id : string
  time ts       : timestamp
  impression_id, user_id, ad_id : string
  late 5s
}

feature user_imps  = count(impression)    by user_id over [5m, 1h]
feature recent_ads = last(click.ad_id, 5) by user_id over 1h

label clicked = click on impression_id within 10m

examples ads_ctr for impression {
  features user_imps, recent_ads, impression.ad_id
  label clicked wait horizon
}
`;

export type Event = Readonly<Record<string, unknown>>;

export function impression(i: number, stepMs = 20): Event {
  const ts = START + i * stepMs;
  return { impression_id: `i${i}`, ts, user_id: `u${i % 97}`, ad_id: `a${i % 13}` };
}

export function impressions(n: number, change: (event: Event, i: number) => Event = same): string {
  return lines(Array.from({ length: n }, (_, i) => change(impression(i), i)));
}

/** Every ninth impression is clicked, three seconds later. */
export function clicks(n: number): string {
  const clicked = Array.from({ length: Math.ceil(n / 9) }, (_, i) => impression(i * 9));
  return lines(
    clicked.map((event) => ({
      ...event,
      click_id: `c${event.impression_id}`,
      ts: Number(event.ts) + 3000,
    })),
  );
}

export function lines(events: readonly Event[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

/** Bytes without any meaning. */
export function noise(size: number): Uint8Array {
  const random = rng(13);
  return Uint8Array.from({ length: size }, () => random.below(256));
}

/** Writes files into a folder, by name. */
export function put(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

function same(event: Event): Event {
  return event;
}
