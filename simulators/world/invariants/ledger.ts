/**
 * I5 Ledger: one digest for each Beacon's version, over just the numbers that are out and the keys that were
 * replaced; what a device holds has the digest of its Beacon; and whom it trusts, is not denied there.
 */
import { type EventOf, type FleetEvent, toBase64Url } from "../../../fleet/events.js";
import { type PeerPolicy, peerVerdict } from "../../../device/peers.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { reopenAuthority } from "../../../protocol/authority-chain.js";
import { Beacon } from "../../../protocol/beacon.js";
import { concatBytes, uint32 } from "../../../protocol/bytes.js";
import { reopenEnvelope } from "../../../protocol/envelope.js";
import { deniedIn, generationsIn } from "../../../protocol/ledger/content.js";
import { decodeCertificate } from "../../../protocol/x509/certificate.js";
import type { DeviceNode } from "../device-node.js";
import type { FleetNode } from "../fleet-node.js";
import type { World } from "../world.js";
import type { DeviceDisks, DiskFollower } from "./device-disks.js";
import { bytesOf, said, type State, type StoredRecord } from "./disk-files.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import { type Invariant, InvariantBroken } from "./invariant.js";
import { isBelow, type Standings } from "./standings.js";

/** Some device judges another one at every so many leases. */
const LEASES_A_JUDGEMENT = 8;
const DAY_SECONDS = 86_400;
/** A strict rule: whoever passes it must be beyond doubt. */
const POLICY: PeerPolicy = { open: { maxLedgerAgeSeconds: 30 * DAY_SECONDS, whenStale: "closed" } };

export class Ledger implements Invariant, LogFollower, DiskFollower {
  readonly name = "I5 Ledger";
  readonly #standings: Standings;
  /** Digests by fleet, term and epoch. */
  readonly #digests = new Map<FleetNode, Map<string, string>>();
  /** Beacons that the log has just got: what they say is looked at when the step is over. */
  #fresh: { readonly fleet: FleetNode; readonly beacon: EventOf<"beacon-issued"> }[] = [];
  readonly #disks: DeviceDisks;
  #leases = 0;
  #world: World | undefined;

  constructor(disks: DeviceDisks, logs: FleetLogs, standings: Standings) {
    this.#disks = disks;
    this.#standings = standings;
    disks.follow(this);
    logs.follow(this);
  }

  begins(world: World): Promise<void> {
    this.#world = world;
    return Promise.resolve();
  }

  began(fleet: FleetNode): void {
    this.#digests.set(fleet, new Map());
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    if (event.type !== "beacon-issued") return;
    const digests = this.#digests.get(fleet) ?? new Map<string, string>();
    this.#digests.set(fleet, digests);
    const name = event.version.join(":");
    if ((digests.get(name) ?? event.digest) !== event.digest)
      throw this.#broken(fleet, `two digests for Beacon ${name}`);
    digests.set(name, event.digest);
    this.#fresh.push({ fleet, beacon: event });
  }

  /** The Beacon is the last of what a decision leads to, so no more than this step has happened since. */
  afterStep(): void {
    const [newest] = this.#fresh.slice(-1);
    this.#fresh = [];
    if (!newest?.fleet.isRunning) return;
    const { fleet, beacon } = newest;
    if (fleet.view.beacon === beacon && fleet.view.epoch === beacon.version[1]) this.#adds(fleet, beacon);
  }

  /** Also when nothing was signed, and should have been. */
  ends({ fleets }: World): Promise<void> {
    for (const fleet of fleets)
      if (fleet.isRunning && fleet.view.beacon) this.#adds(fleet, fleet.view.beacon);
    return Promise.resolve();
  }

  saved(node: DeviceNode, { record }: State, before: State | undefined): void {
    const { ledger, lease } = record;
    if (ledger && ledger.content.$bytes !== before?.record.ledger?.content.$bytes) this.#holds(node, record);
    const isLeased = lease !== undefined && lease.$bytes !== before?.record.lease?.$bytes;
    if (isLeased && this.#leases++ % LEASES_A_JUDGEMENT === 0) this.#judges(node, record);
  }

  /** The digest is over those that must be out, and their replaced keys. Advisories are as the fleet applies them. */
  #adds(fleet: FleetNode, { digest, version }: EventOf<"beacon-issued">): void {
    const known = [...this.#standings.all(fleet)].toSorted(([a], [b]) => a - b);
    const denied = known.flatMap(([number, { transferred }]) => {
      const advised = fleet.view.devices.get(number)?.advised ?? "none";
      const isOut = transferred || !isBelow(this.#standings.leastOf(fleet, number), "isolate");
      return isOut || !isBelow(advised, "isolate") ? [number] : [];
    });
    const raised = known.flatMap(([number, { lowestGeneration }]) =>
      lowestGeneration > 1 ? [[number, lowestGeneration] as const] : [],
    );
    if (digestOf(denied, raised) !== digest)
      throw this.#broken(fleet, `Beacon ${version.join(":")} is not over the numbers that are out`);
  }

  #holds(node: DeviceNode, { fleetId, ledger }: StoredRecord): void {
    if (!ledger) return;
    const { digest, version } = said(Beacon, ledger.beacon);
    const content = bytesOf(ledger.content);
    const held = digestOf(numbersIn(content), [...generationsIn(content)]);
    const name = version.join(":");
    if (held !== toBase64Url(digest))
      throw this.#broken(node, `what it holds has not the digest of Beacon ${name}`);
    const fleet = this.#fleetOf(fleetId.$bytes);
    const issued = fleet && this.#digests.get(fleet)?.get(name);
    if (issued !== undefined && issued !== held)
      throw this.#broken(node, `it holds another ledger than that of Beacon ${name}`);
  }

  /** Of one other device of the world, from what both have stored. */
  #judges(node: DeviceNode, record: StoredRecord): void {
    const others = (this.#world?.devices ?? []).filter((other) => other !== node);
    const peer = others[this.#leases % Math.max(1, others.length)];
    const chain = peer && this.#disks.countedOf(peer)?.record.ldevid?.chain.map(bytesOf);
    const [leaf] = chain ?? [];
    if (!chain || !leaf) return;
    const set = record.ledger && {
      beacon: reopenEnvelope(Beacon, bytesOf(record.ledger.beacon), nodeCrypto),
      content: bytesOf(record.ledger.content),
    };
    const owner = this.#fleetOf(record.fleetId.$bytes);
    if (!owner?.isRunning) return;
    const { crypto } = owner.service.options;
    const trust = reopenAuthority(bytesOf(record.authority), bytesOf(record.fleetId), crypto);
    const judge = {
      trust,
      nowSeconds: record.signedSeconds,
      policy: POLICY,
      crypto,
      ...(set && { ledger: set }),
    };
    if (peerVerdict({ chain }, "open", judge).verdict !== "trusted") return;
    const { fields } = decodeCertificate(leaf);
    const { number, generation } = "holder" in fields ? fields.holder : { number: 0, generation: 0 };
    if (!set) throw this.#broken(node, `it trusts device ${number} and holds no ledger`);
    const lowest = new Map(generationsIn(set.content)).get(number) ?? 1;
    const isDenied = numbersIn(set.content).includes(number);
    const isOld = record.signedSeconds - set.beacon.value.issuedAt > 30 * DAY_SECONDS;
    const isExpired = record.signedSeconds > fields.notAfterSeconds;
    if (isDenied || generation < lowest || isOld || isExpired)
      throw this.#broken(node, `it trusts device ${number}, of which its ledger says otherwise`);
  }

  #fleetOf(fleetId: string): FleetNode | undefined {
    const id = Buffer.from(fleetId, "base64url").toString("hex");
    return this.#world?.fleets.find((fleet) => fleet.id === id);
  }

  #broken({ name }: { readonly name: string }, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, name, sentence);
  }
}

function numbersIn(content: Uint8Array): readonly number[] {
  const numbers: number[] = [];
  for (const { first, last } of deniedIn(content))
    for (let number = first; number <= last; number++) numbers.push(number);
  return numbers;
}

/** SHA-256 over the count, the numbers, then each number with its lowest generation: 4 bytes each, big-endian. */
function digestOf(denied: readonly number[], raised: readonly (readonly [number, number])[]): string {
  const values = [denied.length, ...denied, ...raised.flat()];
  return toBase64Url(nodeCrypto.sha256(concatBytes(...values.map(uint32))));
}
