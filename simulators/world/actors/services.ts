/** What happens to the machines of the owner: gateways and the fleet service. */
import type { FleetEvent } from "../../../fleet/events.js";
import type { LogRecord } from "../../../fleet/ports.js";
import type { Outcome, Plays, Scene } from "./scene.js";

/** Facts that devices bring about by asking, and that contradict nothing if they are forgotten. */
const FORGETTABLE: readonly FleetEvent["type"][] = ["lease-issued", "receipt-received"];

export const SERVICES: Plays<
  "gateway-stop" | "gateway-clock" | "fleet-kill" | "fleet-clock" | "fleet-restore"
> = {
  "gateway-stop"(scene, { id, gateway: place, how, forMs, offMs, wrongMs }) {
    const { world } = scene;
    const gateway = scene.gateway(place);
    if (gateway.isClosed) return "was stopped";
    gateway.stop(how);
    scene.after(forMs, id, gateway.name, () => {
      if (!world.gateways.includes(gateway)) return "was started";
      world.bootGateway(gateway, { showsMs: world.nowMs + offMs });
      return "started";
    });
    const putRight = (): Outcome => {
      const { clock, isClosed } = scene.gateway(place);
      if (isClosed) scene.after(wrongMs, id, gateway.name, putRight); // it waits for its certificate still
      const wrongByMs = clock.nowMs() - world.nowMs;
      if (isClosed || wrongByMs === 0) return undefined;
      clock.jump(-wrongByMs);
      return "put right";
    };
    if (offMs !== 0) scene.after(forMs + wrongMs, id, gateway.name, putRight);
    return "stopped";
  },
  "gateway-clock"(scene, { id, gateway: place, byMs, forMs }) {
    const gateway = scene.gateway(place);
    gateway.clock.jump(byMs);
    scene.after(forMs, id, gateway.name, () => {
      gateway.clock.jump(-byMs);
      return "put right";
    });
    return "jumped";
  },
  "fleet-kill"(scene, { id, appends, forMs }) {
    const { fleet } = scene.world;
    if (!fleet.isRunning) return "was gone";
    fleet.log.killAfter(appends);
    scene.after(forMs, id, fleet.name, () => {
      const outcome = fleet.isRunning ? "killed" : "killed at an append";
      fleet.kill();
      return startFleet(scene, outcome);
    });
    return undefined;
  },
  "fleet-clock"(scene, { id, byMs, forMs }) {
    const { fleet } = scene.world;
    if (!fleet.isRunning) return "was gone";
    const { clock } = fleet;
    clock.jump(byMs);
    scene.after(forMs, id, fleet.name, () => {
      clock.jump(-byMs);
      return "put right";
    });
    return "jumped";
  },
  async "fleet-restore"(scene, { id, records, forMs }) {
    const { fleet } = scene.world;
    fleet.kill();
    const log = await fleet.log.records();
    const lost = Math.min(records, forgettable(log));
    await fleet.log.restore(log.length - lost);
    scene.after(forMs, id, fleet.name, () => startFleet(scene, lost > 0 ? "older" : "the same"));
    return undefined;
  },
};

/** A start may be cut off as anything else. */
async function startFleet({ world: { fleet } }: Scene, outcome: string): Promise<string> {
  if (!fleet.isRunning) await fleet.start();
  return outcome;
}

/** Records at the end of the log that can be missing without any document being signed twice. */
function forgettable(log: readonly LogRecord[]): number {
  const kept = log.findLastIndex(({ events }) => events.some(({ type }) => !FORGETTABLE.includes(type)));
  return log.length - 1 - kept;
}
