/** A world with all invariants looking on, and the few things that its stories do again and again. */
import type { Door } from "../../device/ports.js";
import { fleetJournal } from "../../fleet/station/fleet-journal.js";
import { Station, type StationJournal } from "../../fleet/station/station.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { SyncReply } from "../../protocol/sync.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { NodeClock } from "../../simulators/world/clocks.js";
import type { DeviceNode } from "../../simulators/world/device-node.js";
import type { GatewayNode } from "../../simulators/world/gateway-node.js";
import { allInvariants } from "../../simulators/world/invariants/index.js";
import type { Invariant } from "../../simulators/world/invariants/invariant.js";
import type { WorldOptions } from "../../simulators/world/settings.js";
import { WorldTransport } from "../../simulators/world/transport.js";
import { World } from "../../simulators/world/world.js";

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

export interface Watched {
  readonly world: World;
  readonly invariants: readonly Invariant[];
  readonly node: DeviceNode;
  readonly gateway: GatewayNode;
}

/** One gateway; its devices run and have a lease. */
export async function watched(options: Partial<WorldOptions> = {}): Promise<Watched> {
  const world = await World.create({ seed: 1, devices: 1, ...options });
  const invariants = allInvariants();
  for (const invariant of invariants) {
    await invariant.begins?.(world);
    world.observe(invariant);
  }
  for (const node of world.devices) await start(world, node);
  await world.until(() => world.devices.every(({ device }) => device?.lease), "all have a lease", DAY_MS);
  const [[node], [gateway]] = [world.devices, world.gateways];
  if (!node || !gateway) throw new Error("a world that is watched has a device and a gateway");
  return { world, invariants, node, gateway };
}

export function start(world: World, node: DeviceNode): Promise<void> {
  return world.perform(node.name, "starts", () => node.start());
}

export function stop(world: World, node: DeviceNode): Promise<void> {
  return world.perform(node.name, "stops", () => node.stop());
}

/** Another station of the fleet: it knows of its own births only. */
export function stationElsewhere({ fleet }: World): Station {
  let own: ReturnType<StationJournal["find"]>;
  const journal: StationJournal = {
    find: () => own,
    next: () => fleetJournal(fleet.service).next(),
    async append(birth, papers, station) {
      await fleetJournal(fleet.service).append(birth, papers, station);
      own = { ...papers, number: birth.number, publicKey: birth.publicKey };
    },
  };
  const identity = () => fleet.station.inTurn((known) => Promise.resolve(known));
  return new Station(identity, journal, () => fleet.service.now());
}

/** Somebody who has copied this device's keys publishes with them, whatever he is told. */
export async function steal(world: World, node: DeviceNode): Promise<void> {
  const { ldevid, number = 0, fleetId = new Uint8Array() } = (await node.stored())?.record ?? {};
  const key = new TextDecoder().decode(node.disk.durable(`/keys/${ldevid?.key}.pem`));
  const transport = new WorldTransport({
    network: world.network,
    node: "thief",
    clock: new NodeClock(world.schedule, "thief"),
    gateway: () => world.gateways[0]?.name,
    keyring: world.keyring,
    onSend: () => undefined,
    onHear: () => undefined,
  });
  const certificates = certificatesToPem(...(ldevid?.chain ?? []));
  const door: Door = { name: "front", number, certificates, key, verify: () => "trusted" };
  const connection = transport.connect(fleetId, door, {
    opened: () => void connection.publish("stolen", new Uint8Array(1)).catch(() => undefined),
    serverRefused: () => undefined,
    received: () => undefined,
    closed: () => undefined,
  });
  await world.runFor(MINUTE_MS);
}

const FRAME = 0x82;

/** The reply to a sync; undefined for anything else. */
export function syncReplyIn(payload: Uint8Array): SyncReply | undefined {
  const isReply = payload[0] === FRAME && frameType(payload) === SyncReply.type;
  return isReply ? decodeFrame(SyncReply, payload) : undefined;
}
