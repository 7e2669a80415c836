/** Documents by hand: whatever the holder of a key could sign, for good or ill. */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { AdvisoryList, AdvisoryRemoval } from "../../protocol/advisory.js";
import { Beacon } from "../../protocol/beacon.js";
import type { Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { addSignature, sealEnvelope } from "../../protocol/envelope.js";
import { Lease } from "../../protocol/lease.js";
import { contentDigest, encodeContent } from "../../protocol/ledger/content.js";
import type { HoldLevel, Level } from "../../protocol/level.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { NO_VERSION, type Version } from "../../protocol/version.js";
import type { Harbor } from "./harbor.js";

/** For one device of a fleet. Signed by the role that should, unless other keys are given. */
export class Pen {
  readonly #harbor: Harbor;
  readonly subject: number;

  constructor(harbor: Harbor, subject: number) {
    this.#harbor = harbor;
    this.subject = subject;
  }

  /** Each of these signs. */
  seal<T>(message: Message<T>, value: T, ...[first, ...others]: readonly Signer[]): Uint8Array {
    if (!first) throw new Error("somebody has to sign");
    const { fleetId } = this.#harbor.service.trust;
    const sealed = sealEnvelope(message, value, first, fleetId, nodeCrypto);
    return others.reduce((bytes, signer) => addSignature(bytes, signer, fleetId, nodeCrypto), sealed);
  }

  directive(version: Version, level: HoldLevel, change: Partial<Directive> = {}): Uint8Array {
    const about = { subject: this.subject, reason: "story", lowestGeneration: 1, issuedAt: 0 };
    return this.seal(Directive, { ...about, version, level, ...change }, this.#harbor.keys.hold);
  }

  release(
    version: Version,
    level: Level,
    change: Partial<Release> = {},
    ...by: readonly Signer[]
  ): Uint8Array {
    const value = { subject: this.subject, version, level, issuedAt: 0, ...change };
    return this.seal(Release, value, ...(by.length > 0 ? by : this.#harbor.operators));
  }

  list(version: Version, entries: AdvisoryList["entries"]): Uint8Array {
    return this.seal(AdvisoryList, { version, entries, issuedAt: 0 }, this.#harbor.keys.hold);
  }

  removal(version: Version, ids: readonly number[], ...by: readonly Signer[]): Uint8Array {
    return this.seal(
      AdvisoryRemoval,
      { version, ids, issuedAt: 0 },
      ...(by.length > 0 ? by : this.#harbor.operators),
    );
  }

  /** @param denied - the whole set. @returns also what the Beacon proves. */
  beacon(version: Version, denied: readonly number[], change: Partial<Beacon> = {}) {
    const content = encodeContent({ denied: Uint32Array.from(denied), generations: new Map() });
    const about = { authority: 1, advisories: NO_VERSION, removals: NO_VERSION, issuedAt: 0 };
    const proven = { denied: denied.length, digest: contentDigest(content, nodeCrypto) };
    const beacon = this.seal(Beacon, { version, ...about, ...proven, ...change }, this.#harbor.keys.ledger);
    return { beacon, content };
  }

  lease(value: Omit<Lease, "subject">): Uint8Array {
    return this.seal(Lease, { subject: this.subject, ...value }, this.#harbor.keys.lease);
  }
}
