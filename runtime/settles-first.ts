/**
 * Whether the promise is settled, either way, before `isOver` says so, which is asked every so many ms. Who made it still
 * awaits it. One listener a call, however long it takes: a promise that is raced again and again remembers each race.
 */
export function settlesFirst(
  promise: Promise<unknown>,
  everyMs: number,
  isOver: () => boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (settled: boolean) => {
      clearInterval(timer);
      resolve(settled);
    };
    const timer = setInterval(() => {
      if (isOver()) end(false);
    }, everyMs);
    const done = () => end(true);
    promise.then(done, done);
  });
}
