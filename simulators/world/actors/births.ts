/** Births of devices in a world where the fleet or the device may go away in the middle of one. */
import { fleetJournal } from "../../../fleet/station/fleet-journal.js";
import { Station, type StationJournal } from "../../../fleet/station/station.js";
import { toHex } from "../../../protocol/bytes.js";
import type { DeviceNode } from "../device-node.js";
import { MINUTE } from "../plan/draws.js";
import { switchOn } from "./machines.js";
import type { Scene } from "./scene.js";

/** A birth that was cut off is tried again after this, so often. */
const RETRY_MS = 30 * MINUTE;
const TRIES = 40;

/** @param station - asked for each try, while the fleet runs. @param born - called once it was. */
export function bear(
  scene: Scene,
  node: DeviceNode,
  id: string,
  station: () => Station,
  born: () => void = () => undefined,
  tries = TRIES,
): void {
  let done = false;
  scene.after(0, id, node.name, async () => {
    if (!scene.world.fleet.isRunning) return "nobody there";
    await node.bear(station());
    if (done) return undefined; // it was given up, and came through all the same
    done = true;
    born();
    await switchOn(scene, node);
    return "born";
  });
  scene.after(RETRY_MS, id, node.name, () => {
    if (done) return undefined;
    done = true;
    node.cutPower();
    if (tries === 0) return "never born";
    bear(scene, node, id, station, born, tries - 1);
    return "tried again";
  });
}

/** A station of the same factory that knows nothing of the births at the other ones. */
export function stationElsewhere({ world: { fleet } }: Scene): Station {
  const here = new Map<string, ReturnType<StationJournal["find"]>>();
  const journal: StationJournal = {
    find: (hardwareId) => here.get(toHex(hardwareId)),
    next: () => fleetJournal(fleet.service).next(),
    async append(birth, papers, station) {
      await fleetJournal(fleet.service).append(birth, papers, station);
      const { publicKey, number } = birth;
      here.set(toHex(birth.hardwareId), { ...papers, publicKey, number });
    },
  };
  const identity = () => fleet.station.inTurn((known) => Promise.resolve(known));
  return new Station(identity, journal, () => fleet.service.now());
}
