/**
 * All devices' disks, as invariants are told of them: what a device has saved, and what somebody else has made of
 * it. A save counts when the counter has moved on to it: from then on the device may speak of it.
 */
import type { DeviceNode } from "../device-node.js";
import type { Power } from "../device-run.js";
import type { World } from "../world.js";
import { type Files, type Found, isRotten, readState, type State, stateFiles } from "./disk-files.js";
import type { Invariant } from "./invariant.js";

export interface DiskFollower {
  /** The device has saved `now`, and its counter has moved. `before`: what counted until then. */
  saved?(node: DeviceNode, now: State, before: State | undefined): void;
  /**
   * The disk is not as the device left it; `found` is what it finds at its next start. `agrees`: its counter
   * cannot tell, since that was put back too.
   */
  changed?(node: DeviceNode, found: Found): void;
  /** The device has moved its counter, and not by one more. */
  counted?(node: DeviceNode, now: number, before: number): void;
}

/** What is known of one device. */
interface Seen {
  files: Files;
  counter: number;
  /** What the device knows to be stored: its newest save, or what it was started with. */
  counted: State | undefined;
  /** Somebody else has changed its disk, at any time. */
  touched: boolean;
}

export class DeviceDisks implements Invariant {
  readonly name = "disks";
  readonly #seen = new WeakMap<DeviceNode, Seen>();
  readonly #followers: DiskFollower[] = [];

  follow(follower: DiskFollower): void {
    this.#followers.push(follower);
  }

  /** What this device has saved; undefined: nothing yet. */
  countedOf(node: DeviceNode): State | undefined {
    return this.#seen.get(node)?.counted;
  }

  /** Was its disk ever changed by somebody else: put back, copied from another one, or by rot? */
  isTouched(node: DeviceNode): boolean {
    return this.#seen.get(node)?.touched ?? false;
  }

  begins({ devices }: World): Promise<void> {
    for (const node of devices) {
      const seen = this.#of(node);
      seen.files = stateFiles(node.disk);
      if (seen.files.some((file) => file !== undefined)) this.#changed(node, seen);
    }
    return Promise.resolve();
  }

  stored(node: DeviceNode): void {
    const seen = this.#of(node);
    const files = stateFiles(node.disk);
    if (files.every((file, i) => file === seen.files[i])) return;
    const isOthers = !node.isPowered || files.some((file, i) => isRotten(seen.files[i], file));
    seen.touched ||= isOthers;
    seen.files = files;
    if (!node.isPowered) return this.#changed(node, seen);
    const { state, counter } = readState(files);
    this.#moved(node, seen, counter);
    const isSave = state && state.generation <= counter && state.saves > (seen.counted?.saves ?? 0);
    if (!isSave || isOthers) return;
    const before = seen.counted;
    seen.counted = state;
    for (const follower of this.#followers) follower.saved?.(node, state, before);
  }

  /** What rotted while it ran, it finds at its next start. */
  power(node: DeviceNode, power: Power): void {
    const seen = this.#seen.get(node);
    if (power === "on" || !seen) return;
    const { state, agrees } = readState(seen.files);
    if (!agrees || (state?.saves ?? 0) < (seen.counted?.saves ?? 0)) this.#changed(node, seen);
  }

  /** Once both of its copies have rotted, a counter begins anew. */
  #moved(node: DeviceNode, seen: Seen, counter: number): void {
    const { counter: before, touched } = seen;
    seen.counter = counter;
    if (touched || counter === before || counter === before + 1) return;
    for (const follower of this.#followers) follower.counted?.(node, counter, before);
  }

  #changed(node: DeviceNode, seen: Seen): void {
    const found = readState(seen.files);
    seen.counter = found.counter;
    seen.counted = found.state;
    for (const follower of this.#followers) follower.changed?.(node, found);
  }

  #of(node: DeviceNode): Seen {
    const known = this.#seen.get(node);
    if (known) return known;
    const seen: Seen = { files: [], counter: 0, counted: undefined, touched: false };
    this.#seen.set(node, seen);
    return seen;
  }
}
