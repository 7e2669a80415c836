/**
 * I10 Fence: a fleet whose log was put back, and that was told so, signs nothing until its people have mended that;
 * and at no time, before or after, does it sign two documents of one version.
 */
import { type FleetEvent, fromBase64Url } from "../../../fleet/events.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { toHex } from "../../../protocol/bytes.js";
import { parseEnvelope } from "../../../protocol/cose.js";
import type { FleetNode } from "../fleet-node.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import { type Invariant, InvariantBroken } from "./invariant.js";

interface Known {
  isFenced: boolean;
  /** Hashes of what was signed, by kind, device and version: also of what the log has forgotten since. */
  readonly said: Map<string, string>;
}

/** What a log may take in behind the fence: nobody of this world brings documents that others signed. */
const ALLOWED: readonly FleetEvent["type"][] = ["fence-raised", "fence-lifted", "authority-issued"];

export class Fence implements Invariant, LogFollower {
  readonly name = "I10 Fence";
  readonly #fleets = new Map<FleetNode, Known>();

  constructor(logs: FleetLogs) {
    logs.follow(this);
  }

  began(fleet: FleetNode): void {
    this.#of(fleet).isFenced = false;
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    const known = this.#of(fleet);
    if (known.isFenced && !ALLOWED.includes(event.type))
      throw this.#broken(fleet, `${event.type} is in its log, and nothing may be said`);
    if (event.type === "fence-raised") known.isFenced = true;
    if (event.type === "fence-lifted") known.isFenced = false;
    const name = nameOf(event);
    if (name === undefined || event.signed === undefined) return;
    const hash = toHex(nodeCrypto.sha256(parseEnvelope(fromBase64Url(event.signed)).payload));
    if ((known.said.get(name) ?? hash) !== hash) throw this.#broken(fleet, `it has signed two of ${name}`);
    known.said.set(name, hash);
  }

  #of(fleet: FleetNode): Known {
    const known = this.#fleets.get(fleet) ?? { isFenced: false, said: new Map<string, string>() };
    this.#fleets.set(fleet, known);
    return known;
  }

  #broken({ name }: FleetNode, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, name, sentence);
  }
}

/** Of a document with a version; directives and releases of one device share theirs. */
function nameOf(event: FleetEvent): string | undefined {
  switch (event.type) {
    case "directive-issued":
    case "release-issued":
      return `device ${event.number} ${event.version.join(":")}`;
    case "advisories-issued":
    case "advisories-removed":
    case "beacon-issued":
      return `${event.type} ${event.version.join(":")}`;
    case "authority-issued":
      return `Authority ${event.version}`;
    default:
      return undefined;
  }
}
