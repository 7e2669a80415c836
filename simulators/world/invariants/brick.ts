/**
 * I8 No brick: when all faults are healed, and people have cleared what only people may clear, every device that is
 * not revoked comes to what its fleet says, and speaks, within a bounded number of questions.
 */
import { Authority } from "../../../protocol/authority.js";
import { Beacon } from "../../../protocol/beacon.js";
import { utf8 } from "../../../protocol/bytes.js";
import type { DeviceNode } from "../device-node.js";
import type { FleetNode } from "../fleet-node.js";
import type { World } from "../world.js";
import type { DeviceDisks } from "./device-disks.js";
import { said } from "./disk-files.js";
import { type Invariant, InvariantBroken } from "./invariant.js";
import { isBelow, type Standings } from "./standings.js";

const DAY_MS = 86_400_000;
/** A device that was off, whose certificate ended, and whose pauses have grown, is back in this. */
const WITHIN_MS = 2 * DAY_MS;
/** What devices noticed themselves is reported by then. */
const REPORT_MS = DAY_MS / 24;
/** Questions of one device until then. */
const MAX_QUESTIONS = 200;
const REASON = "the faults are healed";

export class NoBrick implements Invariant {
  readonly name = "I8 No brick";
  readonly #disks: DeviceDisks;
  readonly #standings: Standings;
  readonly #questions = new Map<DeviceNode, number>();

  constructor(disks: DeviceDisks, standings: Standings) {
    this.#disks = disks;
    this.#standings = standings;
  }

  sent(node: DeviceNode, topic: string): void {
    if (topic.endsWith("/up")) this.#questions.set(node, (this.#questions.get(node) ?? 0) + 1);
  }

  async ends(world: World): Promise<void> {
    await world.heal();
    for (const node of world.devices) await this.#restarted(world, node);
    const expected = world.devices.filter((node) => this.#isExpected(world, node));
    const silent = new Set(expected);
    await world.runFor(REPORT_MS);
    for (const fleet of world.fleets) await this.#cleared(world, fleet);
    this.#questions.clear();
    for (const node of expected)
      void node.device?.publish("back", utf8("here")).then(
        () => silent.delete(node),
        () => undefined,
      );
    await world.runFor(WITHIN_MS);
    for (const node of expected) this.#isBack(world, node, silent);
  }

  /** As somebody does who comes by: a device that stopped, for whatever reason, is switched on again. */
  async #restarted(world: World, node: DeviceNode): Promise<void> {
    if (node.number === undefined || node.isCopy) return; // never born; or somebody else's
    if (node.trouble && node.isPowered) await world.perform(node.name, "is switched off", () => node.stop());
    if (!node.isPowered) await world.perform(node.name, "is switched on", () => node.start());
  }

  /** Not those that are another's copy, that were revoked or given away, and that have lost what nobody has twice. */
  #isExpected(world: World, node: DeviceNode): boolean {
    const record = this.#disks.countedOf(node)?.record;
    const fleet = fleetOf(world, node, this.#disks);
    if (!record || !fleet || node.number === undefined) return false;
    const same = world.devices.filter(
      (other) => other.number === node.number && fleetOf(world, other, this.#disks) === fleet,
    );
    const { transferred } = this.#standings.ofNumber(fleet, record.number) ?? {};
    const isGone = transferred || this.#standings.leastOf(fleet, record.number) === "revoked";
    const isBroken = node.trouble !== undefined && this.#disks.isTouched(node);
    return same.length === 1 && !node.isCopy && !isGone && !isBroken;
  }

  /** Every suspicion, alarm, hold and request to come back, by the people who may. */
  async #cleared(world: World, fleet: FleetNode): Promise<void> {
    const present = [...fleet.view.devices.values()].filter(
      ({ level, transferred }) => level !== "revoked" && !transferred,
    );
    const act = (kind: "vouch" | "readmit", numbers: readonly number[]) =>
      numbers.length === 0
        ? undefined
        : world.perform("operator", kind, () => fleet.act({ kind, numbers, reason: REASON }));
    await act(
      "vouch",
      present.filter(({ suspectedAt }) => suspectedAt !== undefined).map(({ number }) => number),
    );
    await act(
      "readmit",
      present.filter(({ comingBack }) => comingBack === "asked").map(({ number }) => number),
    );
    for (const { id } of fleet.view.advisories.active)
      await world.perform("operator", "removes an advisory", () =>
        fleet.act({ kind: "unadvise", id, numbers: [], reason: REASON }),
      );
    const held = present.filter(({ level, alarms }) => level !== "none" || alarms.length > 0);
    if (held.length > 0)
      await world.perform("operator", "frees all", () =>
        fleet.release(
          held.map(({ number }) => number),
          "none",
          REASON,
        ),
      );
  }

  #isBack(world: World, node: DeviceNode, silent: ReadonlySet<DeviceNode>): void {
    const { device } = node;
    const questions = this.#questions.get(node) ?? 0;
    if (!device) throw this.#broken(node, `it does not run: ${node.trouble?.message ?? "nobody knows why"}`);
    const fleet = fleetOf(world, node, this.#disks);
    const level = fleet?.view.devices.get(device.number)?.level;
    const versions = this.#versionsOf(node);
    const newest = [fleet?.service.trust.authority.value.version, fleet?.view.beacon?.version];
    if (String(versions) !== String(newest))
      throw this.#broken(
        node,
        `it holds Authority and ledger ${String(versions)}, and its fleet has ${String(newest)}`,
      );
    if (isBelow(device.standing, level ?? "none"))
      throw this.#broken(node, `it stands at ${device.standing}, and its fleet says ${level}`);
    if (silent.has(node))
      throw this.#broken(node, `it does not speak, at ${device.level}, after ${questions} questions`);
    if (questions > MAX_QUESTIONS) throw this.#broken(node, `it needs ${questions} questions to come back`);
  }

  #versionsOf(node: DeviceNode): readonly unknown[] {
    const { authority, ledger } = this.#disks.countedOf(node)?.record ?? {};
    return [authority && said(Authority, authority).version, ledger && said(Beacon, ledger.beacon).version];
  }

  #broken({ name }: DeviceNode, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, name, sentence);
  }
}

function fleetOf({ fleets }: World, node: DeviceNode, disks: DeviceDisks): FleetNode | undefined {
  const owner = disks.countedOf(node)?.record.fleetId.$bytes;
  return fleets.find(
    ({ id }) => owner !== undefined && Buffer.from(owner, "base64url").toString("hex") === id,
  );
}
