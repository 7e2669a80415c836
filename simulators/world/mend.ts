/**
 * The end of a run: all faults are over, what was spoiled on disks stays, and the operators let go of whoever may be let
 * go. Every device that is not revoked has to work again after a bounded number of days, with what its fleet has for
 * such cases: a vouch, a release, an approval, a new term, a ticket, and a new birth where the machine says by itself
 * that nothing can be read any more.
 */
import { DeviceError } from "../../device/errors.js";
import { compareVersions } from "../../protocol/version.js";
import type { DeviceView } from "../../fleet/view.js";
import { directiveVersion } from "../../fleet/view.js";
import { retire } from "./actors/attackers.js";
import { ask, changeAuthority, giveTicket } from "./actors/operators.js";
import { bear, stationElsewhere } from "./actors/births.js";
import type { Scene } from "./actors/scene.js";
import type { DeviceNode } from "./device-node.js";
import { InvariantBroken } from "./invariants/invariant.js";
import { DAY, HOUR, MINUTE } from "./plan/draws.js";

/** Operators look so often, and the devices have so long in between. */
const ROUNDS = 8;
const ROUND_MS = 26 * HOUR;
/** From this round on they take what costs more: a ticket, a new birth. */
const LAST_RESORTS = 4;
const REASON = "all is mended";
const SOON_MS = 5 * MINUTE;

/** @throws InvariantBroken for a device that does not work at the end. */
export async function mend(scene: Scene): Promise<void> {
  const { world } = scene;
  scene.end();
  await endFaults(scene);
  const working = new Set<string>();
  const end = world.observe({ accepted: ({ from }) => void working.add(from) });
  for (let round = 0; round < ROUNDS; round++) {
    await oversee(scene, round, working);
    working.clear();
    await world.runFor(ROUND_MS);
    if (scene.crew.every((node) => isWell(scene, node, working))) break;
  }
  end();
  for (const node of scene.crew) {
    if (isWell(scene, node, working)) continue;
    throw new InvariantBroken("I8 No brick", node.name, stateOf(scene, node));
  }
  scene.tally.count("mended", "devices", scene.crew.length);
}

/** Everything runs, and shows the right time. */
async function endFaults(scene: Scene): Promise<void> {
  const { world } = scene;
  const { fleet } = world;
  for (const copy of scene.copies) await world.perform(copy.name, "is found", () => retire(scene, copy));
  fleet.kill();
  fleet.ticking = {};
  await world.perform(fleet.name, "starts", () => fleet.start());
  if (fleet.view.fence) await world.perform(fleet.name, "is mended", () => fleet.recover(REASON));
  await world.heal();
  await world.runFor(SOON_MS); // gateways that were waiting for a service have come up
  for (const gateway of world.gateways.slice()) {
    gateway.stop();
    await world.restartGateway(gateway);
  }
}

/** One look of the operators at the fleet. */
async function oversee(scene: Scene, round: number, working: ReadonlySet<string>): Promise<void> {
  const { world } = scene;
  const perform = <T>(what: string, run: () => Promise<T>) => world.perform("operator", what, run);
  for (const { id } of world.fleet.view.advisories.active)
    await perform("removes an advisory", () =>
      ask(scene, { kind: "unadvise", numbers: [], id, reason: REASON }),
    );
  const isAhead = scene.crew.some((node) => isAheadOfFleet(scene, node));
  if (isAhead) {
    scene.tally.count("mended", "by a new term");
    await perform("raises a term", () => changeAuthority(scene, { terms: ["directive"] }));
  }
  for (const node of scene.crew) {
    const device = viewOf(scene, node);
    if (device?.level === "revoked") continue;
    for (const act of device ? actsFor(device) : []) {
      const outcome = await perform(`does ${act.kind}`, () => ask(scene, act));
      scene.tally.count("mended", `${act.kind}: ${outcome}`);
    }
    if (round >= LAST_RESORTS && !isWell(scene, node, working)) await resort(scene, node, round);
  }
}

function actsFor({
  number,
  level,
  held,
  alarms,
  suspectedAt,
  comingBack,
}: DeviceView): readonly Parameters<typeof ask>[1][] {
  const about = { numbers: [number], reason: REASON };
  return [
    ...(suspectedAt === undefined ? [] : [{ kind: "vouch", ...about } as const]),
    ...(level === "none" && (held?.level ?? "none") === "none" && alarms.length === 0
      ? []
      : [{ kind: "release", level: "none", ...about } as const]),
    ...(comingBack === "asked" ? [{ kind: "readmit", ...about } as const] : []),
  ];
}

/** What takes a person at the device. */
async function resort(scene: Scene, node: DeviceNode, round: number): Promise<void> {
  const { world, tally } = scene;
  if (!node.device) {
    const why = node.trouble instanceof DeviceError ? node.trouble.code : "it is off";
    await world.perform(node.name, "is erased", () => node.stop());
    node.disk.restore(new Map());
    tally.count("mended", `by a new birth: ${why}`);
    const station = stationElsewhere(scene);
    bear(scene, node, `mending-${round}`, () => station);
    return;
  }
  const luck = scene.luck(`${node.name}/ticket-${round}`);
  const { outcome, ticket } = await world.perform("operator", "gives a ticket", () =>
    giveTicket(scene, node, luck),
  );
  tally.count("mended", `ticket: ${outcome}`);
  if (ticket) await world.perform(node.name, "gets a ticket", async () => node.device?.reenroll(ticket));
}

/** Revoked for good; or it speaks, and nothing holds it. */
function isWell(scene: Scene, node: DeviceNode, working: ReadonlySet<string>): boolean {
  if (viewOf(scene, node)?.level === "revoked") return true;
  return working.has(node.name) && node.device?.standing === "none";
}

function viewOf({ world }: Scene, { number }: DeviceNode): DeviceView | undefined {
  return number === undefined ? undefined : world.fleet.view.devices.get(number);
}

/** It holds a directive that its fleet has never issued: the key is known to others. */
function isAheadOfFleet(scene: Scene, node: DeviceNode): boolean {
  const device = viewOf(scene, node);
  return device?.held !== undefined && compareVersions(device.held.directive, directiveVersion(device)) > 0;
}

function stateOf(scene: Scene, node: DeviceNode): string {
  const { device, trouble, number } = node;
  const seen = viewOf(scene, node);
  const inside = device
    ? `stands at ${device.standing}, in force ${device.level}`
    : `is off: ${trouble?.message}`;
  const outside = seen
    ? `its fleet has ${seen.level}, suspected ${seen.suspectedAt !== undefined}`
    : "unknown";
  const days = (ROUNDS * ROUND_MS) / DAY;
  return `number ${number} does not speak ${days.toFixed(0)} days after all was mended: ${inside}; ${outside}`;
}
