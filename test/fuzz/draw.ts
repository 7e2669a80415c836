/** Below `limit`, an integer. */
export type Draw = (limit: number) => number;

/** Small, fast and repeatable (mulberry32): a million inputs take many numbers. */
export function drawFrom(seed: number): Draw {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

/** For one case of a run: what is drawn for it does not depend on the cases before. */
export function drawAt(seed: number, index: number): Draw {
  return drawFrom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
}

/** One of `items`, which must not be empty. */
export function pick<T>(draw: Draw, items: readonly T[]): T {
  const item = items[draw(items.length)];
  if (item === undefined) throw new RangeError("there is nothing to draw from");
  return item;
}
