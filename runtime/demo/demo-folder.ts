/**
 * The demo's folder. `demo.json` says what it is made with and how far it is:
 *
 *   started   traffic/ may be anything
 *   traffic   traffic/ is whole; log/ may be anything
 *   log       log/ is whole; run/ goes on by itself, as every run does
 *   done      summary.txt is written
 *
 * On Kafka topics are in the place of log/ and run/ (demo-kafka.ts), and there is no stage `log`.
 *
 * Each step is made anew until it is whole, so the same command goes on after a kill at any moment.
 */
import { join } from 'node:path';
import { Fault } from '../fault.ts';
import { disk } from '../files.ts';

const VERSION = 2;
const STATE = 'demo.json';
const PARTS = [
  'traffic',
  'log',
  'run',
  'features',
  'state',
  'model',
  'worker-1',
  'summary.txt',
  STATE,
];
/** Held while the folder is claimed. */
const LOCK = 'lock';

/** What decides every byte of a demo. */
export type DemoConfig = {
  readonly days: number;
  readonly scale: number;
  readonly seed: number;
  /** The application on Kafka; null: over files. */
  readonly app: string | null;
};

export type DemoStage = 'started' | 'traffic' | 'log' | 'done';

type DemoState = DemoConfig & { readonly version: number; readonly stage: DemoStage };

/** Where the demo's parts lie. */
export type DemoPlaces = {
  readonly folder: string;
  readonly traffic: string;
  readonly log: string;
  readonly run: string;
  readonly summary: string;
  /** On Kafka. */
  readonly program: string;
  readonly state: string;
  readonly model: string;
};

export function demoPlaces(folder: string): DemoPlaces {
  const at = (name: string) => join(folder, name);
  return {
    folder,
    traffic: at('traffic'),
    log: at('log'),
    run: at('run'),
    summary: at('summary.txt'),
    program: at('features'),
    state: at('state'),
    model: at('model'),
  };
}

/**
 * The stage the folder is at; null: nothing was there, and it is claimed now. A folder of something else, or of a demo
 * with another config, is a Fault; with `fresh` the latter is emptied.
 */
export async function claimDemo(
  places: DemoPlaces,
  config: DemoConfig,
  fresh: boolean,
): Promise<DemoStage | null> {
  const { folder } = places;
  const saved = await readState(join(folder, STATE));
  if (saved === null) {
    const others = (await disk.list(folder)).filter((name) => name !== LOCK);
    if (others.length > 0) {
      throw new Fault(
        'folder_not_ours',
        `${folder} holds other things (${others.slice(0, 3).join(', ')}). Give another folder with --to.`,
        { context: { path: folder } },
      );
    }
  } else if (fresh) {
    // What says whose the folder is goes last: a kill in between leaves a folder that --fresh still takes.
    for (const name of PARTS) await disk.remove(join(folder, name));
  } else {
    checkConfig(folder, saved, config);
    return saved.stage;
  }
  await saveStage(places, config, 'started');
  return null;
}

/** Durable on return. */
export async function saveStage(
  places: DemoPlaces,
  config: DemoConfig,
  stage: DemoStage,
): Promise<void> {
  const { days, scale, seed, app } = config;
  const state: DemoState = { version: VERSION, days, scale, seed, app, stage };
  const text = `${JSON.stringify(state, null, 2)}\n`;
  await disk.replace(join(places.folder, STATE), Buffer.from(text));
}

function checkConfig(folder: string, saved: DemoState, config: DemoConfig): void {
  const { days, scale, seed, app } = config;
  const isSame =
    saved.days === days && saved.scale === scale && saved.seed === seed && saved.app === app;
  if (isSame && saved.version === VERSION) return;
  throw new Fault(
    'folder_of_other_demo',
    `${folder} holds another demo (--days ${saved.days} --scale ${saved.scale} --seed ${saved.seed}${saved.app === null ? '' : `, the application ${saved.app} on Kafka`}). Give another folder with --to, or start over with --fresh.`,
    { context: { path: folder } },
  );
}

async function readState(path: string): Promise<DemoState | null> {
  const bytes = await disk.read(path);
  if (bytes === null) return null;
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch (cause) {
    throw new Fault('folder_damaged', `${path} is damaged: delete its folder, or give another.`, {
      cause,
      context: { path },
    });
  }
}
