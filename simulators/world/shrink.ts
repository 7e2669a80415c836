/** Looks for the shortest list that still does it: halves, then smaller and smaller parts are left out (delta debugging). */

export interface Shrunk<T> {
  readonly items: readonly T[];
  readonly tries: number;
}

/**
 * @param fails - does this list, in the same order, still do it? @param maxTries - calls of it, at most.
 * @returns a list of which no single item can be left out, unless the tries ran out before.
 */
export async function shrink<T>(
  all: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  maxTries: number,
): Promise<Shrunk<T>> {
  let items = all;
  let parts = 2;
  let tries = 0;
  while (items.length > 0 && tries < maxTries) {
    const size = Math.ceil(items.length / parts);
    let smaller: readonly T[] | undefined;
    for (let from = 0; from < items.length && tries < maxTries && !smaller; from += size) {
      const rest = [...items.slice(0, from), ...items.slice(from + size)];
      tries += 1;
      if (await fails(rest)) smaller = rest;
    }
    if (smaller) {
      items = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts = Math.min(items.length, parts * 2);
  }
  return { items, tries };
}
