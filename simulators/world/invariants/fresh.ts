/**
 * I3 Fresh: a device takes a lease only for the question that it waits for an answer to, and only when it holds
 * all that the lease names; and that is what the fleet had committed when it signed.
 */
import { type FleetEvent, fromBase64Url, toBase64Url } from "../../../fleet/events.js";
import { Authority } from "../../../protocol/authority.js";
import { parseEnvelope } from "../../../protocol/cose.js";
import { Lease } from "../../../protocol/lease.js";
import { SyncRequest } from "../../../protocol/sync.js";
import { compareVersions, NO_VERSION, type Version } from "../../../protocol/version.js";
import type { DeviceNode } from "../device-node.js";
import type { Power } from "../device-run.js";
import type { FleetNode } from "../fleet-node.js";
import type { DeviceDisks, DiskFollower } from "./device-disks.js";
import { claimedLevel } from "./device-standings.js";
import { said, type State, type StoredRecord } from "./disk-files.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import { type Invariant, InvariantBroken } from "./invariant.js";
import { signedAs, signedIn } from "./messages.js";
import { versionsOf } from "./monotone.js";
import { isBelow } from "./standings.js";

/** What a log has committed until now. */
interface Committed {
  authority: number;
  terms: Authority["terms"] | undefined;
  /** By what they are versions of. */
  readonly newest: Map<string, Version>;
}

export class Fresh implements Invariant, LogFollower, DiskFollower {
  readonly name = "I3 Fresh";
  readonly #committed = new Map<FleetNode, Committed>();
  /** Nonce of the newest sync that each has sent since it has power; none once it was answered. */
  readonly #asked = new WeakMap<DeviceNode, string>();

  constructor(disks: DeviceDisks, logs: FleetLogs) {
    disks.follow(this);
    logs.follow(this);
  }

  began(fleet: FleetNode): void {
    this.#committed.set(fleet, { authority: 0, terms: undefined, newest: new Map() });
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    if (!this.#committed.has(fleet)) this.began(fleet);
    const committed = this.#committed.get(fleet)!;
    switch (event.type) {
      case "fleet-created":
      case "authority-issued":
        committed.authority = event.type === "fleet-created" ? 1 : event.version;
        committed.terms = Authority.decode(parseEnvelope(fromBase64Url(event.signed ?? "")).payload).terms;
        return;
      case "lease-issued":
        return this.#signed(fleet, committed, event);
      case "advisories-issued":
      case "advisories-removed":
      case "beacon-issued":
        committed.newest.set(event.type, event.version);
        return;
      case "directive-issued":
      case "release-issued":
        committed.newest.set(`${event.type} ${event.number}`, event.version);
        return;
      default:
    }
  }

  sent(node: DeviceNode, _topic: string, bytes: Uint8Array): void {
    const sync = signedAs(SyncRequest, signedIn(bytes));
    if (sync) this.#asked.set(node, toBase64Url(sync.nonce));
  }

  /** A nonce is forgotten at a reboot. What the power cut off when it was all but saved, is saved by then. */
  power(node: DeviceNode, power: Power): void {
    if (power === "on") this.#asked.delete(node);
  }

  saved(node: DeviceNode, { record }: State, before: State | undefined): void {
    if (!record.lease || record.lease.$bytes === before?.record.lease?.$bytes) return;
    const lease = said(Lease, record.lease);
    const nonce = toBase64Url(lease.nonce);
    const isAsked = this.#asked.get(node) === nonce || before?.record.challenge?.$bytes === nonce;
    if (!isAsked || lease.subject !== record.number)
      throw this.#broken(node, "it takes a lease that answers no question of its own");
    if (this.#asked.get(node) === nonce) this.#asked.delete(node);
    const missing = missingIn(record, lease);
    if (missing) throw this.#broken(node, `it takes a lease and does not hold the ${missing} that it names`);
    const level = claimedLevel(record);
    if (isBelow(level, lease.required.level))
      throw this.#broken(node, `it takes a lease for ${lease.required.level}, and stands at ${level}`);
  }

  #signed(
    fleet: FleetNode,
    { authority, terms, newest }: Committed,
    { number, required }: FleetEvent & { readonly type: "lease-issued" },
  ): void {
    const inTerm = (what: string, term: number | undefined) => {
      const version = newest.get(what) ?? NO_VERSION;
      return version[0] === term ? version : NO_VERSION;
    };
    const committed: Readonly<Record<string, Version>> = {
      authority: [0, authority],
      ledger: inTerm("beacon-issued", terms?.ledger),
      advisories: inTerm("advisories-issued", terms?.advisory),
      removals: inTerm("advisories-removed", terms?.advisory),
      directive: inTerm(`directive-issued ${number}`, terms?.directive),
      release: inTerm(`release-issued ${number}`, terms?.directive),
    };
    for (const [what, version] of namedBy(required))
      if (compareVersions(committed[what] ?? NO_VERSION, version) !== 0)
        throw this.#broken(fleet, `a lease of device ${number} does not name the newest ${what}`);
  }

  #broken({ name }: { readonly name: string }, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, name, sentence);
  }
}

type Named = Pick<
  Lease["required"],
  "authority" | "ledger" | "advisories" | "removals" | "directive" | "release"
>;

function namedBy(required: Named): readonly (readonly [what: string, version: Version])[] {
  const { authority, ledger, advisories, removals, directive, release } = required;
  const versions = { authority: [0, authority] as const, ledger, advisories, removals, directive, release };
  return Object.entries(versions);
}

/** What lowers must be the very one; of all else the device may hold a newer one. */
const EXACTLY: readonly string[] = ["removals", "release"];

/** The first that the lease names and this device does not hold. */
function missingIn(record: StoredRecord, { required }: Lease): string | undefined {
  const { terms, version: authority } = said(Authority, record.authority);
  const held = new Map([...versionsOf(record)].map(([what, version]) => [what.split(" ")[1] ?? "", version]));
  held.set("authority", [0, authority]);
  const inTerm: Readonly<Record<string, number>> = { removals: terms.advisory, release: terms.directive };
  const missing = namedBy(required).find(([what, version]) => {
    const found = held.get(what) ?? NO_VERSION;
    const mine = inTerm[what] === undefined || inTerm[what] === found[0] ? found : NO_VERSION;
    const order = compareVersions(mine, version);
    return EXACTLY.includes(what) ? order !== 0 : order < 0;
  });
  return missing?.[0];
}
