/**
 * I1 Monotone, the fleet's half. No version in a log falls; and who holds an older image of a device, whole, with
 * its counter, gets no lease once a newer token was shown, until somebody vouches or a ticket is used.
 */
import type { FleetEvent } from "../../../fleet/events.js";
import { compareVersions, type Version } from "../../../protocol/version.js";
import type { FleetNode } from "../fleet-node.js";
import type { FleetLogs, LogFollower } from "./fleet-logs.js";
import { type Invariant, InvariantBroken } from "./invariant.js";

/** Tokens of one device whose parents are remembered: as many as anybody still shows. */
const MAX_PARENTS = 64;

interface Chain {
  /** `n` of the newest that was shown; 0: it begins anew. */
  shown: number;
  /** `after` of each, by `n`. */
  readonly parents: Map<number, number>;
}

interface Known {
  readonly versions: Map<string, Version>;
  readonly chains: Map<number, Chain>;
}

export class Tokens implements Invariant, LogFollower {
  readonly name = "I1 Monotone";
  readonly #fleets = new Map<FleetNode, Known>();

  constructor(logs: FleetLogs) {
    logs.follow(this);
  }

  began(fleet: FleetNode): void {
    this.#fleets.set(fleet, { versions: new Map(), chains: new Map() });
  }

  took(fleet: FleetNode, event: FleetEvent): void {
    const known = this.#fleets.get(fleet) ?? { versions: new Map(), chains: new Map() };
    this.#fleets.set(fleet, known);
    const [what, version] = versionIn(event) ?? [];
    if (what && version) {
      const before = known.versions.get(what) ?? [0, 0];
      if (compareVersions(version, before) <= 0)
        throw this.#broken(fleet, `${what} goes from ${before.join(":")} to ${version.join(":")}`);
      known.versions.set(what, version);
    }
    if (event.type === "lease-issued") this.#leased(fleet, chainOf(known, event.number), event);
    if (event.type === "device-vouched" || event.type === "device-reenrolled")
      chainOf(known, event.number).shown = 0;
  }

  #leased(fleet: FleetNode, chain: Chain, event: FleetEvent & { readonly type: "lease-issued" }): void {
    const { number, shown, token } = event;
    const parent = chain.parents.get(shown) ?? shown;
    const isOlder = shown < chain.shown || (shown > chain.shown && parent < chain.shown);
    if (isOlder) {
      const sentence = `device ${number} gets a lease for token ${shown}, after ${chain.shown} was shown`;
      throw this.#broken(fleet, sentence);
    }
    chain.shown = shown;
    chain.parents.set(token.n, token.after);
    const [oldest] = chain.parents.keys();
    if (oldest !== undefined && chain.parents.size > MAX_PARENTS) chain.parents.delete(oldest);
  }

  #broken(fleet: FleetNode, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, fleet.name, sentence);
  }
}

function chainOf({ chains }: Known, number: number): Chain {
  const known = chains.get(number);
  if (known) return known;
  const chain: Chain = { shown: 0, parents: new Map() };
  chains.set(number, chain);
  return chain;
}

function versionIn(event: FleetEvent): readonly [what: string, version: Version] | undefined {
  switch (event.type) {
    case "directive-issued":
    case "release-issued":
      return [`the newest document of device ${event.number}`, event.version];
    case "advisories-issued":
      return ["the advisory list", event.version];
    case "advisories-removed":
      return ["the advisory removal", event.version];
    case "beacon-issued":
      return ["the Beacon", event.version];
    case "authority-issued":
      return ["the Authority", [1, event.version]];
    default:
      return undefined;
  }
}
