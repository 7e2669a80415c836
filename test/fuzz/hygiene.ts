/** What no input may leave behind: keys on the prototypes that everything shares, memory, open handles. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What the heap may grow between the first inputs, which fill the caches, and the last, in bytes. */
export const MAX_HEAP_GROWTH_BYTES = 32 * 1024 * 1024;
/** Turns of the event loop in which what was closed may go. */
const TURNS_TO_CLOSE = 2_000;

const SHARED = { Object, Array, Function, Map, Set, Promise, Uint8Array, String, Number, Error } as const;

/** Every own key of the shared prototypes, as one text. */
export function sharedKeys(): string {
  return Object.entries(SHARED)
    .map(([name, { prototype }]) => `${name}: ${Reflect.ownKeys(prototype).map(String).join(" ")}`)
    .join("\n");
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes in use after a collection; those outside the heap that it holds on to, too. */
export function bytesInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Kinds of what keeps a process alive, with how many there are; timers are the test runner's too. */
export function openHandles(): ReadonlyMap<string, number> {
  const count = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (!/Timeout|Immediate|Tick/.test(kind)) count.set(kind, (count.get(kind) ?? 0) + 1);
  return count;
}

/** What is open now and was not before, once all that was closed had its turns to go. */
export async function handlesLeft(before: ReadonlyMap<string, number>): Promise<readonly string[]> {
  let left = moreThan(before);
  for (let turn = 0; turn < TURNS_TO_CLOSE && left.length > 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    left = moreThan(before);
  }
  return left;
}

function moreThan(before: ReadonlyMap<string, number>): readonly string[] {
  return [...openHandles()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) => kind);
}
