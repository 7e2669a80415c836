/**
 * One device of the world: the shipped device code on a disk, a clock and a network of its own. Its power comes and
 * goes; what is in memory goes with it.
 */
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { decodeState, type StateFile } from "../../device/adapters/state-file.js";
import { beBorn } from "../../device/birth.js";
import { createDevice, type Device } from "../../device/main.js";
import type { Stored } from "../../device/ports.js";
import type { Build } from "../../device/state.js";
import type { Station } from "../../fleet/station/station.js";
import { utf8 } from "../../protocol/bytes.js";
import type { NodeClock, Ticking } from "./clocks.js";
import {
  type DeviceParts,
  type Power,
  type Run,
  STATE_FILES,
  STATE_FOLDER,
  switchedOn,
} from "./device-run.js";
import { WorldDisk } from "./disk.js";

export class DeviceNode {
  readonly name: string;
  readonly hardwareId: Uint8Array;
  readonly model: string;
  readonly disk: WorldDisk;
  /** How its clock goes; counts from the next start. */
  ticking: Ticking;
  /** What its firmware says of itself from the next start on. */
  build: Build;
  /** Its number, once it was born. */
  number: number | undefined;
  /** Made of another one's disk: the number is that one's. */
  isCopy = false;
  /** Why it stopped, or did not start, when it was not switched off. */
  trouble: Error | undefined;
  readonly #parts: DeviceParts;
  readonly #states = new WeakMap<Uint8Array, StateFile>();
  #run: Run | undefined;
  #device: Device | undefined;

  constructor(parts: DeviceParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.model = parts.model;
    this.hardwareId = utf8(parts.hardwareId);
    this.disk = new WorldDisk(parts.fate, () => parts.watcher.stored());
    this.ticking = parts.ticking;
    this.build = parts.build ?? {};
  }

  /** The shipped device, while it runs. */
  get device(): Device | undefined {
    return this.#device;
  }

  get isPowered(): boolean {
    return this.#run !== undefined;
  }

  /** Its own clock, while it has power. */
  get clock(): NodeClock | undefined {
    return this.#run?.clock;
  }

  /** Gives it its papers; a birth that was cut off goes on from where it was. It is switched off afterwards. */
  async bear(station: Pick<Station, "receive">): Promise<void> {
    const { store, keys } = this.#powered();
    const { hardwareId, model } = this;
    const { crypto, algorithm } = this.#parts;
    const about = { hardwareId, model, algorithm, store, keys, crypto };
    const { number } = await beBorn(about, (message) => station.receive(message));
    this.number = number;
    this.#off("off");
    this.disk.unmount();
  }

  /** Switches it on. Resolves when it runs, or cannot: then `trouble` says why. */
  async start(): Promise<void> {
    if (this.#run) return;
    const run = this.#powered();
    const { luck, crypto, algorithm, watcher } = this.#parts;
    const { store, keys, transport, clock } = run;
    this.trouble = undefined;
    try {
      const entropy = (size: number) => luck.bytes(size);
      const ports = { store, keys, transport, clock, crypto, algorithm, entropy };
      const device = await createDevice({ ...ports, ...this.build });
      if (this.#run !== run) return;
      this.#device = device;
      watcher.power("on");
      this.number = device.number;
      device.onEvent((event) => {
        if (this.#run !== run) return;
        watcher.event(event);
        if (event.type === "failed") this.#fails(event.error);
      });
    } catch (error) {
      if (this.#run === run) this.#fails(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Switched off as it should be. */
  async stop(): Promise<void> {
    await this.#device?.close();
    if (!this.#run) return;
    this.#off("off");
    this.disk.unmount();
  }

  /** The power goes, whatever is under way. */
  cutPower(): void {
    if (!this.#run) return;
    this.disk.cut();
    this.#off("cut");
  }

  /** The power goes before a step of the disk that is still to come. @param steps - 0: the next one. */
  cutPowerAfter(steps: number): void {
    this.disk.cutAfter(steps);
  }

  /** The newest state that can be read whole, as a power cut at this moment would leave it. */
  durable(): StateFile | undefined {
    const states = STATE_FILES.map((path) => this.#stateIn(this.disk.durable(path))).filter(
      (state) => state !== undefined,
    );
    return states.toSorted((a, b) => b.saves - a.saves)[0];
  }

  /** What it would find if it started now; undefined if that is nothing. @throws DeviceError, as at a start. */
  async stored(): Promise<Stored | undefined> {
    const copy = new WorldDisk(this.#parts.fate);
    copy.restore(this.disk.image());
    const disk = copy.mount({ syncTakes: () => Promise.resolve(), powerCut: () => undefined });
    return new LowdbDeviceStore(STATE_FOLDER, disk).load(); // which may finish what a power cut left open
  }

  #stateIn(content: Uint8Array | undefined): StateFile | undefined {
    if (!content) return undefined;
    const known = this.#states.get(content);
    if (known) return known;
    const state = decodeState(content);
    if (state) this.#states.set(content, state);
    return state;
  }

  #powered(): Run {
    this.#run = switchedOn(this, this.#parts);
    return this.#run;
  }

  #fails(error: Error): void {
    this.trouble = error;
    this.#off("trouble");
    this.disk.unmount();
  }

  #off(power: Power): void {
    this.#run?.transport.vanish();
    this.#run?.clock.stop();
    this.#run = undefined;
    this.#device = undefined;
    this.#parts.watcher.power(power);
  }
}
