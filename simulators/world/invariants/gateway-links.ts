/** Which gateways can be expected to know by now what their fleet has decided: what was told is on its way for a while. */
import type { FleetNode } from "../fleet-node.js";
import type { World } from "../world.js";
import type { Invariant } from "./invariant.js";

/** Longer than it takes a gateway to notice that it has lost its fleet, and to find it again. */
const GRACE_MS = 60_000;

export class GatewayLinks implements Invariant {
  readonly name = "links";
  #world: World | undefined;
  /** Since when nothing stands between a gateway and its fleet, true time, by name; absent: something does. */
  readonly #upSinceMs = new Map<string, number>();

  begins(world: World): Promise<void> {
    this.#world = world;
    world.network.watch(() => this.#look());
    this.#look();
    return Promise.resolve();
  }

  fleetRuns(): void {
    this.#look();
  }

  /** True when this gateway must have heard of what its fleet decided at `sinceMs`. */
  knows(gateway: string, sinceMs: number): boolean {
    this.#look(); // it may be a new one
    const upSinceMs = this.#upSinceMs.get(gateway) ?? Infinity;
    return this.nowMs > Math.max(upSinceMs, sinceMs) + GRACE_MS;
  }

  fleetOf(gateway: string): FleetNode | undefined {
    return this.#world?.gateways.find(({ name }) => name === gateway)?.fleet;
  }

  /** True time. */
  get nowMs(): number {
    return this.#world?.nowMs ?? 0;
  }

  #look(): void {
    const { gateways = [], network, nowMs = 0 } = this.#world ?? {};
    for (const { name, fleet } of gateways) {
      const passes = network?.carries(name, fleet.name) && network.carries(fleet.name, name);
      if (!passes || !fleet.isRunning) this.#upSinceMs.delete(name);
      else if (!this.#upSinceMs.has(name)) this.#upSinceMs.set(name, nowMs);
    }
  }
}
