/**
 * The buckets of DDSketch (Masson, Rim & Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch with
 * relative-error guarantees"): bucket i holds (gamma^(i - 1), gamma^i], and 2 gamma^i / (gamma + 1) is within 1 % of all of
 * it. A bucket is a whole number that orders as its values do: 0 for |x| < 1e-9, else 1 to BUCKET_MAX with the sign of x.
 * Magnitudes beyond 1e17 count as 1e17. Sketches merge by adding counts.
 */

/** Relative accuracy of an answer. */
export const BUCKET_ACCURACY = 0.01;

const GAMMA = (1 + BUCKET_ACCURACY) / (1 - BUCKET_ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
const LEAST = 1e-9;
const MOST = 1e17;
/** Index of the bucket that holds the least magnitude told from 0. */
const FIRST = Math.ceil(Math.log(LEAST) / LOG_GAMMA);

/** The bucket of the greatest magnitude. */
export const BUCKET_MAX = Math.ceil(Math.log(MOST) / LOG_GAMMA) - FIRST + 1;

/** The bucket of a value, in [-BUCKET_MAX, BUCKET_MAX]. */
export function bucketOf(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < LEAST) return 0;
  const index = Math.ceil(Math.log(magnitude) / LOG_GAMMA) - FIRST + 1;
  const bucket = Math.max(1, Math.min(BUCKET_MAX, index));
  return value < 0 ? -bucket : bucket;
}

/** The value that stands for a bucket. */
export function bucketValue(bucket: number): number {
  if (bucket === 0) return 0;
  const magnitude = (2 * GAMMA ** (Math.abs(bucket) + FIRST - 1)) / (GAMMA + 1);
  return bucket < 0 ? -magnitude : magnitude;
}
