/**
 * I6 Durable: what a device says, it has stored, and its counter has moved; what a fleet answers, is in its log.
 * That logs keep what they were told of, is in fleet-logs.ts.
 */
import { type FleetEvent, toBase64Url } from "../../../fleet/events.js";
import { Authority } from "../../../protocol/authority.js";
import {
  CertificateReply,
  EnrollRequest,
  ReenrollRequest,
  RenewRequest,
  ReturnRequest,
} from "../../../protocol/certify.js";
import { Directive } from "../../../protocol/directive.js";
import { Lease } from "../../../protocol/lease.js";
import { Release } from "../../../protocol/release.js";
import { Receipt, SyncReply, SyncRequest } from "../../../protocol/sync.js";
import { compareVersions, type Version } from "../../../protocol/version.js";
import type { DeviceNode } from "../device-node.js";
import type { Answered, FleetNode } from "../fleet-node.js";
import type { DeviceDisks } from "./device-disks.js";
import { said, type StoredRecord } from "./disk-files.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import { type Invariant, InvariantBroken } from "./invariant.js";
import { frameAs, type Signed, signedAs, signedIn } from "./messages.js";
import { versionsOf } from "./monotone.js";

const KEY_REQUESTS = [EnrollRequest, RenewRequest, ReturnRequest, ReenrollRequest] as const;

/** The newest that a log has of one device. */
interface Newest {
  lease?: FleetEvent & { readonly type: "lease-issued" };
  leaf?: string;
  directive?: Version;
  release?: Version;
}

export class Durable implements Invariant, LogFollower {
  readonly name = "I6 Durable";
  readonly #disks: DeviceDisks;
  readonly #logs = new Map<FleetNode, Map<number, Newest>>();

  constructor(disks: DeviceDisks, logs: FleetLogs) {
    this.#disks = disks;
    logs.follow(this);
  }

  began(fleet: FleetNode): void {
    this.#logs.set(fleet, new Map());
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    if (!("number" in event)) return;
    const newest = this.#newestOf(fleet, event.number);
    if (event.type === "lease-issued") newest.lease = event;
    else if (event.type === "certificate-issued") newest.leaf = event.signed ?? "";
    else if (event.type === "directive-issued") newest.directive = event.version;
    else if (event.type === "release-issued") newest.release = event.version;
  }

  sent(node: DeviceNode, topic: string, bytes: Uint8Array): void {
    const signed = topic.endsWith("/up") ? signedIn(bytes) : undefined;
    if (!signed) return; // an application's, or a question that names nothing stored
    const record = this.#disks.countedOf(node)?.record;
    if (!record) throw this.#broken(node, "it sends, and nothing that is stored on its disk can be read");
    const sync = signedAs(SyncRequest, signed);
    const receipt = signedAs(Receipt, signed);
    const ahead = aheadOf(record, sync?.holds ?? receipt?.holds) ?? newKey(node, record, signed);
    if (ahead) throw this.#broken(node, `it speaks of a ${ahead} that is not stored`);
    if ((sync?.token?.n ?? 0) > (record.token?.n ?? 0))
      throw this.#broken(node, "it shows a token that is not stored");
    if ((sync?.time ?? 0) > record.signedSeconds)
      throw this.#broken(node, "it tells a time that is not stored");
    if (receipt && receipt.counter > record.receiptCounter)
      throw this.#broken(node, "it gives a receipt whose counter is not stored");
  }

  answered(fleet: FleetNode, _gateway: string, { number, answers }: Answered): void {
    const newest = this.#newestOf(fleet, number);
    for (const answer of answers) {
      const reply = frameAs(SyncReply, answer);
      if (reply?.lease) this.#leases(fleet, newest, reply.lease);
      const granted = reply ? undefined : frameAs(CertificateReply, answer);
      const [leaf] = granted?.ldevid ?? [];
      if (leaf && toBase64Url(leaf) !== newest.leaf)
        throw this.#broken(fleet, "it gives a certificate that is not in its log");
      for (const document of (reply ?? granted)?.documents ?? [])
        this.#tells(fleet, newest, signedIn(document));
    }
  }

  #leases(fleet: FleetNode, { lease }: Newest, envelope: Uint8Array): void {
    const given = signedAs(Lease, signedIn(envelope));
    const isLogged =
      given && lease?.nonce === toBase64Url(given.nonce) && lease.goodUntil === given.goodUntil;
    if (!isLogged) throw this.#broken(fleet, "it gives a lease that is not in its log");
  }

  #tells(fleet: FleetNode, newest: Newest, signed: Signed | undefined): void {
    for (const [message, logged] of [
      [Directive, newest.directive],
      [Release, newest.release],
    ] as const) {
      const version = signedAs<{ readonly version: Version }>(message, signed)?.version;
      if (version && compareVersions(version, logged ?? [0, 0]) > 0)
        throw this.#broken(fleet, `it tells of a ${message.name} that is not in its log`);
    }
  }

  #newestOf(fleet: FleetNode, number: number): Newest {
    const known = this.#logs.get(fleet) ?? new Map<number, Newest>();
    this.#logs.set(fleet, known);
    const newest = known.get(number) ?? {};
    known.set(number, newest);
    return newest;
  }

  #broken({ name }: { readonly name: string }, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, name, sentence);
  }
}

/** The first that a vector names newer than it is stored. */
function aheadOf(record: StoredRecord, holds: SyncRequest["holds"] | undefined): string | undefined {
  if (!holds) return undefined;
  if (holds.authority.version > said(Authority, record.authority).version) return "authority";
  const stored = new Map([...versionsOf(record)].map(([what, version]) => [what.split(" ")[1], version]));
  const { ledger, advisories, removals, directive, release } = holds;
  const named = Object.entries({ ledger, advisories, removals, directive, release });
  return named.find(
    ([what, held]) => held && compareVersions(held.version, stored.get(what) ?? [0, 0]) > 0,
  )?.[0];
}

/** A retry after a power cut is the same request: so its nonce, and the key itself, come first. */
function newKey(node: DeviceNode, { request }: StoredRecord, signed: Signed): string | undefined {
  const asked = KEY_REQUESTS.map((message) => signedAs<{ readonly nonce: Uint8Array }>(message, signed)).find(
    Boolean,
  );
  if (!asked) return undefined;
  if (request?.nonce.$bytes !== toBase64Url(asked.nonce)) return "request";
  return node.disk.durable(`/keys/${request.key}.pem`) ? undefined : "key";
}
