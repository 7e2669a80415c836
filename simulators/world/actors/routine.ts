/**
 * What happens by itself: applications that speak whenever they may, people who start again what has stopped, and who
 * mend a log that has lost its end.
 */
import { DeviceError } from "../../../device/errors.js";
import { utf8 } from "../../../protocol/bytes.js";
import type { DeviceNode } from "../device-node.js";
import type { Observer } from "../observer.js";
import { DAY, HOUR, MINUTE } from "../plan/draws.js";
import { switchOn } from "./machines.js";
import type { Scene } from "./scene.js";

/** A device that stopped is started again after this, then ever later. */
const FIRST_RESTART_MS = 10 * MINUTE;
const LAST_RESTART_MS = 48 * HOUR;
const REBOOT_MS = MINUTE;

/** A device that was born takes part from now on, and its application speaks. */
export function joins(scene: Scene, node: DeviceNode): void {
  scene.crew.push(node);
  keepSpeaking(scene, node);
}

/** It says something again and again, at times of its own. */
function keepSpeaking(scene: Scene, node: DeviceNode): void {
  const luck = scene.luck(`${node.name}/application`);
  const { speaksEveryMs } = scene.plan;
  const nightMs = () => Math.max(0, scene.dayMs - scene.world.nowMs);
  const next = () =>
    scene.after(nightMs() + luck.between(1, 2 * speaksEveryMs), "application", node.name, () => {
      next();
      if (!node.device) return undefined;
      node.device.publish("reading", utf8("21.5")).then(
        () => scene.tally.count("application", "taken"),
        (error: unknown) =>
          scene.tally.count("application", error instanceof DeviceError ? error.code : "lost"),
      );
      return "wants to speak";
    });
  next();
}

/** Starts devices again that failed or did not start, and restarts those whose fleet asks for it. */
export class Restarts implements Observer {
  readonly #scene: Scene;
  readonly #failures = new Map<DeviceNode, number>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  deviceEvent(node: DeviceNode, event: Parameters<NonNullable<Observer["deviceEvent"]>>[1]): void {
    if (event.type === "act" && event.act === "reboot") this.#again(node, REBOOT_MS);
  }

  power(node: DeviceNode, power: Parameters<NonNullable<Observer["power"]>>[1]): void {
    if (power === "trouble") this.#again(node, this.#delayMs(node));
  }

  #again(node: DeviceNode, delayMs: number): void {
    this.#scene.after(delayMs, "restart", node.name, async () => {
      if (node.number === undefined) return undefined;
      await node.stop();
      await switchOn(this.#scene, node);
      return node.trouble ? "in vain" : "done";
    });
  }

  #delayMs(node: DeviceNode): number {
    const failures = this.#failures.get(node) ?? 0;
    this.#failures.set(node, failures + 1);
    return Math.min(FIRST_RESTART_MS * 2 ** failures, LAST_RESTART_MS);
  }
}

/** A fleet that signs nothing any more is mended within this, from when it was told why. */
const MENDED_MS = [HOUR, 2 * DAY] as const;

/** Operators whose fleet has lost the end of its log: what was lost is lost, and they begin new terms. */
export class Recoveries implements Observer {
  readonly #scene: Scene;
  #raised = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  fleetEvent(_fleet: unknown, { type }: Parameters<NonNullable<Observer["fleetEvent"]>>[1]): void {
    if (type !== "fence-raised") return;
    const { world } = this.#scene;
    const delayMs = this.#scene.luck(`recovery-${this.#raised++}`).between(...MENDED_MS);
    this.#scene.after(delayMs, "recovery", world.fleet.name, async () => {
      if (!world.fleet.isRunning || !world.fleet.view.fence) return "done by others";
      await world.fleet.recover("its log was put back from a backup");
      return "new terms";
    });
  }
}
