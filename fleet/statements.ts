/** What a fact says to others, as the message that is signed, and the fact that such a message states. */
import type { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import type { Directive } from "../protocol/directive.js";
import { parsePredicate, printPredicate } from "../protocol/predicate-text.js";
import type { Release } from "../protocol/release.js";
import type { Voucher } from "../protocol/voucher.js";
import { type FactOf, fromBase64Url } from "./events.js";

/** @param issuedAt - fleet time, seconds. */
export function directiveOf(fact: FactOf<"directive-issued">, issuedAt: number): Directive {
  const { number: subject, version, level, reason, lowestGeneration, counts } = fact;
  return { subject, version, level, reason, lowestGeneration, issuedAt, ...counts };
}

export function directiveFactOf(directive: Directive): FactOf<"directive-issued"> {
  const { subject: number, version, level, reason, lowestGeneration, rekey, reboot, attest } = directive;
  const counts = {
    ...(rekey !== undefined && { rekey }),
    ...(reboot !== undefined && { reboot }),
    ...(attest !== undefined && { attest }),
  };
  return { type: "directive-issued", number, version, level, reason, lowestGeneration, counts };
}

export function releaseOf(fact: FactOf<"release-issued">, issuedAt: number): Release {
  const { number: subject, version, level, clearedAlarms, wipe, freshness } = fact;
  return {
    subject,
    version,
    level,
    issuedAt,
    ...(clearedAlarms.length > 0 && { clearedAlarms }),
    ...(wipe > 0 && { wipe }),
    ...(freshness && { freshness }),
  };
}

/** @param reason - a release has none on the wire. */
export function releaseFactOf(release: Release, reason: string): FactOf<"release-issued"> {
  const { subject: number, version, level, clearedAlarms = [], wipe = 0, freshness } = release;
  const fact = { type: "release-issued", number, version, level, reason, clearedAlarms, wipe } as const;
  return freshness ? { ...fact, freshness } : fact;
}

export function advisoryListOf(fact: FactOf<"advisories-issued">, issuedAt: number): AdvisoryList {
  const entries = fact.entries.map(({ match, ...entry }) => ({ ...entry, match: parsePredicate(match) }));
  return { version: fact.version, entries, issuedAt };
}

export function advisoryFactOf({ version, entries }: AdvisoryList): FactOf<"advisories-issued"> {
  const facts = entries.map(({ id, match, level, reason }) => ({
    id,
    match: printPredicate(match),
    level,
    reason,
  }));
  return { type: "advisories-issued", version, entries: facts };
}

export function removalOf({ version, ids }: FactOf<"advisories-removed">, issuedAt: number): AdvisoryRemoval {
  return { version, ids, issuedAt };
}

export function transferOf(fact: FactOf<"device-transferred">, issuedAt: number): Voucher {
  const { hardwareId, deviceKey, previous, owner, index, level } = fact;
  return {
    hardwareId: fromBase64Url(hardwareId),
    deviceKey: fromBase64Url(deviceKey),
    index,
    previous: fromBase64Url(previous),
    owner: fromBase64Url(owner),
    level,
    issuedAt,
  };
}
