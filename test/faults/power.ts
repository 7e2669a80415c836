/**
 * Power cuts: what writes is frozen, what the disk has at that moment is copied, and the copy, its journal replayed,
 * is all that the next round begins with. Whatever was acknowledged before must be in it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Draw, drawAt } from "../fuzz/draw.js";
import { DiskImage } from "./disk-image.js";

/** What keeps something on a disk. */
export interface Store {
  /** Acknowledgements of one round before its power goes, at the most. */
  readonly most: number;
  /** Opens it in `folder`, and has it written to. */
  start(folder: string, draw: Draw): Promise<Writing>;
  /** All that a start of the machine finds in `folder`. @throws when it cannot be opened. */
  stored(folder: string): Promise<ReadonlySet<string>>;
}

/** A store under load, with all of its processes. */
export interface Writing {
  /** One word or line for each thing that was acknowledged, as `stored` has it; it grows. */
  readonly acknowledged: ReadonlySet<string>;
  /** Resolves when so many more are acknowledged. @throws when it ends before, or answers nobody. */
  more(count: number): Promise<void>;
  /** Resolves when nothing of it runs. */
  freeze(): Promise<void>;
  /** Ends it, frozen or not. What it had said before is acknowledged by then. */
  kill(): Promise<void>;
}

export interface PowerCuts {
  readonly rounds: number;
  readonly acknowledged: number;
  /** In the end; more than were acknowledged, where a cut left whole what was under way. */
  readonly stored: number;
  /** Acknowledged, and not stored after the last round. */
  readonly missing: number;
  /** In words, with the round, which is then the last; empty when all held. */
  readonly lost: readonly string[];
}

/** Half of the cuts come right upon an acknowledgement, the others up to so much later. */
const LATER_MS = 20;
interface Moment {
  /** Acknowledgements. */
  readonly after: number;
  readonly laterMs: number;
}

/** @param onRound - called after each. */
export async function powerCuts(
  { seed, rounds, store }: { readonly seed: number; readonly rounds: number; readonly store: Store },
  onRound: (round: number) => void = () => undefined,
): Promise<PowerCuts> {
  const scratch = await mkdtemp(join(tmpdir(), "daymark-power-"));
  let disk: DiskImage | undefined;
  try {
    const acknowledged = new Set<string>();
    const lost: string[] = [];
    let stored: ReadonlySet<string> = new Set();
    disk = await DiskImage.make(join(scratch, "disk-0"));
    for (let round = 1; round <= rounds && lost.length === 0; round++) {
      const draw = drawAt(seed, round);
      const writing = await store.start(disk.folder, draw);
      const copy = join(scratch, `disk-${round}`);
      await cut(writing, disk, copy, { after: 1 + draw(store.most), laterMs: draw(2) * draw(LATER_MS) });
      for (const each of writing.acknowledged) acknowledged.add(each);
      const before = disk;
      disk = undefined;
      await before.remove();
      disk = await DiskImage.mount(copy);
      try {
        stored = await store.stored(disk.folder);
        const missing = [...acknowledged].filter((each) => !stored.has(each));
        if (missing.length > 0)
          lost.push(`round ${round}: ${missing.length} of ${acknowledged.size} lost, such as ${missing[0]}`);
      } catch (error) {
        lost.push(`round ${round}: what is left cannot be opened: ${String(error)}`);
      }
      onRound(round);
    }
    const missing = [...acknowledged].filter((each) => !stored.has(each)).length;
    return { rounds, acknowledged: acknowledged.size, stored: stored.size, missing, lost };
  } finally {
    await disk?.remove();
    await rm(scratch, { recursive: true });
  }
}

/** Whatever happens, nothing of it runs on. */
async function cut(writing: Writing, disk: DiskImage, copy: string, moment: Moment): Promise<void> {
  try {
    await writing.more(moment.after);
    await setTimeout(moment.laterMs);
    await writing.freeze();
    await disk.cut(copy);
  } finally {
    await writing.kill();
  }
}
