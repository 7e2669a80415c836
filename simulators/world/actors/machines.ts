/** What happens to the machines of devices: power, clocks and disks. */
import type { Image } from "../disk.js";
import type { DeviceNode } from "../device-node.js";
import type { Deed } from "../plan/deeds.js";
import { HOUR, MINUTE } from "../plan/draws.js";
import type { Plays, Scene } from "./scene.js";

/** From a fault that takes a while, to the machine being on again. */
const REPAIR_MS = 10 * MINUTE;
const STATE = "/state/";
const KEYS = "/keys/";

export const MACHINES: Plays<
  "power-cut" | "power-off" | "night" | "clock-jump" | "rot" | "disk-fault" | "restore"
> = {
  "power-cut"(scene, deed) {
    const node = scene.device(deed.device);
    if (!node.device) return "was off";
    node.cutPowerAfter(deed.steps);
    const end = scene.world.observe({
      power: (who, power) => {
        if (who !== node || power === "on") return;
        end();
        if (power === "cut") scene.tally.count("power-cut", "at a step of the disk");
        if (power === "cut") switchOnLater(scene, node, deed);
      },
    });
    return undefined;
  },
  async "power-off"(scene, deed) {
    const node = scene.device(deed.device);
    if (!node.device) return "was off";
    await node.stop();
    switchOnLater(scene, node, deed);
    return "done";
  },
  async night(scene, { id, forMs }, luck) {
    scene.dayMs = scene.world.nowMs + forMs;
    for (const node of scene.world.devices) {
      await node.stop();
      const darkMs = forMs + luck.between(0, HOUR);
      switchOnLater(scene, node, { id, darkMs, driftPpm: 0 });
    }
    return "done";
  },
  "clock-jump"(scene, { device, byMs }) {
    const { clock } = scene.device(device);
    clock?.jump(byMs);
    return clock ? "done" : "was off";
  },
  async rot(scene, { id, device, file, keys }) {
    const node = scene.device(device);
    await node.stop();
    const paths = pathsUnder(keys ? KEYS : STATE, node.disk.image());
    const path = paths[file % paths.length];
    if (path === undefined || !node.disk.rot(path)) return "nothing there";
    scene.after(REPAIR_MS, id, node.name, () => switchOn(scene, node));
    return `in ${path.slice(0, path.lastIndexOf("/"))}`;
  },
  "disk-fault"(scene, { id, device, fault, forMs }) {
    const { disk, name } = scene.device(device);
    if (fault === "reads") disk.readFault = "EIO";
    else disk.writeFault = fault === "full" ? "ENOSPC" : "EIO";
    scene.after(forMs, id, name, () => {
      disk.readFault = disk.writeFault = undefined;
      return undefined;
    });
    return fault;
  },
  restore(scene, { id, device, ageMs, whole }) {
    const node = scene.device(device);
    const image = node.disk.image();
    scene.after(ageMs, id, node.name, async () => {
      await node.stop();
      const now = node.disk.image();
      const paths = pathsUnder(whole ? "/" : STATE, new Map([...image, ...now]));
      node.disk.restore(image, paths);
      scene.world.note(node.name, whole ? "its whole disk is put back" : "its state is put back");
      await switchOn(scene, node);
      return whole ? "whole" : "state only";
    });
    return undefined;
  },
};

type Dark = Pick<Deed<"power-off">, "id" | "darkMs" | "showsMs" | "driftPpm">;

/** @returns what became of it. */
export async function switchOn({ tally, world, dayMs }: Scene, node: DeviceNode): Promise<undefined> {
  if (world.nowMs < dayMs) return undefined;
  await node.start();
  const { trouble } = node;
  if (trouble) tally.count("start", "code" in trouble ? String(trouble.code) : trouble.name);
  return undefined;
}

function switchOnLater(scene: Scene, node: DeviceNode, { id, darkMs, showsMs, driftPpm }: Dark): void {
  scene.after(darkMs, id, node.name, () => {
    node.ticking = { driftPpm, ...(showsMs !== undefined && { showsMs }) };
    return switchOn(scene, node);
  });
}

function pathsUnder(folder: string, image: Image): readonly string[] {
  return [...image.keys()].filter((path) => path.startsWith(folder)).toSorted();
}
