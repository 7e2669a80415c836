/** What is remembered of many is bounded: the oldest is forgotten first. Pure. */

/** Maps and Sets keep the order in which their keys were set: to set one again makes it the newest. */
export function forgetOldest<Key>(
  kept: { readonly size: number; keys(): Iterator<Key>; delete(key: Key): boolean },
  max: number,
): void {
  if (kept.size <= max) return;
  const { done, value } = kept.keys().next();
  if (!done) kept.delete(value);
}
