/** A drain that takes longer is cut off: what is committed stays, and whoever starts next does the rest again. */
const DRAIN_MS_MAX = 20_000;

/** The first signal drains, a second one or the deadline ends the process at once. */
export function watchSignals(log: (event: string, more?: Record<string, string>) => void) {
  const stop = { requested: false };
  const listener = (signal: NodeJS.Signals) => {
    if (stop.requested) process.exit(1);
    stop.requested = true;
    log('draining', { signal });
    setTimeout(() => {
      log('drain_cut_off', { reason: `it took longer than ${DRAIN_MS_MAX} ms` });
      process.exit(1);
    }, DRAIN_MS_MAX).unref();
  };
  process.on('SIGTERM', listener).on('SIGINT', listener);
  const unwatch = () => {
    process.off('SIGTERM', listener).off('SIGINT', listener);
  };
  return { stop, unwatch };
}
