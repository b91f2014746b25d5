import { basename, join } from 'node:path';
import type { Console } from '../console-output.ts';
import { disk } from '../files.ts';
import { type TrafficSummary, writeAdTraffic } from '../simulator/ad-traffic.ts';
import { defaultTraffic } from '../simulator/traffic-config.ts';
import { ingestCommand } from '../source/ingest.ts';
import type { DemoConfig, DemoPlaces } from './demo-folder.ts';

const DAY_MS = 86_400_000;
const STREAMS = ['impression', 'click', 'pixel'] as const;

/** Simulates the traffic into `traffic/`: the same config gives the same bytes. */
export async function makeTraffic(places: DemoPlaces, config: DemoConfig): Promise<TrafficSummary> {
  await disk.remove(places.traffic);
  const durationMs = Math.round(config.days * DAY_MS);
  const perDay = (defaultTraffic.impressions / defaultTraffic.durationMs) * DAY_MS;
  return writeAdTraffic(
    {
      ...defaultTraffic,
      seed: config.seed,
      durationMs,
      impressions: Math.round(perDay * config.days * config.scale),
      users: Math.max(1, Math.round(defaultTraffic.users * config.scale)),
    },
    places.traffic,
  );
}

/** What `makeTraffic` said of traffic that is there already. */
export async function readTraffic(places: DemoPlaces): Promise<TrafficSummary> {
  const bytes = await disk.read(join(places.traffic, 'traffic.json'));
  const summary: TrafficSummary = JSON.parse(Buffer.from(bytes ?? []).toString());
  return summary;
}

/** Decodes the traffic into the embedded log in `log/`. */
export async function fillLog(
  places: DemoPlaces,
  of: { readonly program: string; readonly traffic: TrafficSummary },
  out: Console,
): Promise<number> {
  await disk.remove(places.log);
  const from = trafficInputs(places, of.traffic);
  return ingestCommand([of.program], { from, to: places.log }, { ...out, print: () => {} });
}

/** `--from` of the files, wherever the folder was when they were made. */
export function trafficInputs(places: DemoPlaces, { files }: TrafficSummary): string[] {
  return STREAMS.map((stream) => `${stream}=${join(places.traffic, basename(files[stream]))}`);
}

/** `--from` of the log. */
export function logInputs(places: DemoPlaces): string[] {
  return STREAMS.map((stream) => `${stream}=log:${places.log}`);
}
