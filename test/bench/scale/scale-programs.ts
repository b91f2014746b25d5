/** Programs of any number of features over ads-60's streams, in one file or in many that share most of them. */
import { ads60Program } from '../ads60-data.ts';

const KEYS = ['user_id', 'ad_id', 'placement', 'campaign_id', '(user_id, campaign_id)'];
const WINDOWS = ['5m', '1h', '6h', '24h'];
const AGGREGATES = ['count(impression where bid > $)', 'sum(impression.bid where bid > $)'];
const FEATURES_PER_FILE = 10;
const SHARED_PER_FILE = 7;

export const STREAMS = ads60Program(12).split('\n\nfeature ')[0]!;

/** A text a file, each with an example set of its own; `distinct` features in all, of which each set emits some. */
export type Programs = {
  readonly texts: readonly string[];
  readonly distinct: number;
  readonly emitted: number;
};

export function oneFile(features: number): Programs {
  const bodies = Array.from({ length: features }, (_, i) => bodyOf(i));
  return { texts: [textOf('f', bodies)], distinct: features, emitted: features };
}

/** Of the ten features of each file seven are in the first file too. */
export function manyFiles(files: number): Programs {
  const own = FEATURES_PER_FILE - SHARED_PER_FILE;
  const texts = Array.from({ length: files }, (_, file) =>
    textOf(
      `f${file}`,
      Array.from({ length: FEATURES_PER_FILE }, (_, i) =>
        bodyOf(i < SHARED_PER_FILE ? i : i + own * file),
      ),
    ),
  );
  return { texts, distinct: SHARED_PER_FILE + own * files, emitted: FEATURES_PER_FILE * files };
}

/** The first reads clicks. Keys, windows and aggregates take turns; every twenty features there is another filter. */
function bodyOf(i: number): string {
  if (i === 0) return 'count(click) by user_id over 24h';
  const aggregate = AGGREGATES[i % AGGREGATES.length]!;
  const window = WINDOWS[(i >> 1) % WINDOWS.length]!;
  const threshold = (Math.floor(i / 20) / 256).toFixed(6);
  return `${aggregate.replace('$', threshold)} by ${KEYS[i % KEYS.length]!} over ${window}`;
}

function textOf(name: string, bodies: readonly string[]): string {
  const features = bodies.map((body, i) => `feature ${name}_${i} = ${body}`);
  const names = bodies.map((_, i) => `${name}_${i}`);
  return `${features.join('\n')}\nexamples ${name} for impression {\n  features ${names.join(', ')}\n}\n`;
}
