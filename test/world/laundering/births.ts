/** A device that is born once more: after its memory was erased, or at a station that has never heard of it. */
import { FleetError } from "../../../fleet/errors.js";
import { fromBase64Url } from "../../../fleet/events.js";
import { certifyHolder } from "../../../fleet/front-door.js";
import { Station, type StationJournal } from "../../../fleet/station/station.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { EnrollRequest } from "../../../protocol/certify.js";
import type { DeviceNode } from "../../../simulators/world/device-node.js";
import type { World } from "../../../simulators/world/world.js";
import type { Try } from "./attempts.js";
import type { Camera } from "./camera.js";
import { HOUR_MS, type Yard } from "./yard.js";

/** Far from what the fleet's own station gives out. */
const FIRST_NUMBER = 1_000;

export function resetState(yard: Yard): Try {
  return erased(yard, (path) => !path.startsWith("/keys/"));
}

export function resetAll(yard: Yard): Try {
  return erased(yard, () => true);
}

/** New keys on the same hardware, and a certificate of its own for the station; nobody imports its births. */
export async function anotherStation({ world }: Yard): Promise<Try> {
  const station = await otherStation(world);
  return async (camera) => {
    await camera.stop();
    const { name } = camera.node;
    const reborn = world.makeDevice({ name: `reborn ${name}`, hardwareId: name });
    camera.machines.push(reborn);
    return born(world, camera, reborn, station);
  };
}

function erased({ world }: Yard, goes: (path: string) => boolean): Try {
  return async (camera) => {
    await camera.stop();
    const { disk } = camera.node;
    disk.restore(new Map(), [...disk.image().keys()].filter(goes));
    return born(world, camera, camera.node, world.fleet.station);
  };
}

async function born(
  world: World,
  camera: Camera,
  node: DeviceNode,
  station: Pick<Station, "receive">,
): Promise<string> {
  camera.answers.clear();
  try {
    await world.perform(node.name, "is born", () => node.bear(station));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return `birth refused: ${error.code}`;
  }
  await camera.start(node);
  await world.runFor(HOUR_MS);
  const as = node.number === camera.node.number ? "the same number" : "another number";
  return `born with ${as}; LDevID ${camera.answers.get(EnrollRequest.type) ?? "not asked for"}`;
}

async function otherStation(world: World): Promise<Station> {
  const { service, keys } = world.fleet;
  const luck = world.fortune.stream("other station");
  const entropy = (size: number) => luck.bytes(size);
  const key = nodeCrypto.generate("Ed25519", entropy);
  const sign = (message: Uint8Array) => nodeCrypto.sign(key, message);
  const station = { publicKey: nodeCrypto.publicKey(key), sign };
  const certified = () => certifyHolder(service, "station", station.publicKey);
  const { signed = "" } = await world.perform("other station", "is certified", certified);
  const identity = {
    trust: service.trust,
    certificate: fromBase64Url(signed),
    station,
    factory: keys.factory,
    crypto: nodeCrypto,
    entropy,
  };
  return new Station(
    () => Promise.resolve(identity),
    emptyJournal(),
    () => service.now(),
  );
}

/** Of a station that nobody has brought a device before. */
function emptyJournal(): StationJournal {
  const births = new Map<string, NonNullable<ReturnType<StationJournal["find"]>>>();
  const idOf = (hardwareId: Uint8Array) => Buffer.from(hardwareId).toString("hex");
  let previous: Uint8Array | undefined;
  return {
    find: (hardwareId) => births.get(idOf(hardwareId)),
    next: () => ({
      number: FIRST_NUMBER + births.size,
      index: births.size,
      ...(previous && { previous }),
    }),
    async append({ hardwareId, number, publicKey }, papers) {
      births.set(idOf(hardwareId), { ...papers, number, publicKey });
      previous = papers.record;
    },
  };
}
