/** Whether this process can do its work now, check by check, with a reason in words: what `/readyz` says. */
import type { Trust } from "../../protocol/authority.js";
import type { Crypto } from "../../protocol/crypto.js";
import { verifyTrust } from "../../protocol/x509/trust.js";

/** What each part says of itself. Absent: this process has no such part. */
export interface ReadinessFacts {
  /** It was told to end: whoever balances load sends nothing more. */
  readonly isEnding: boolean;
  /** The service in this process; "opening" until the log is read. */
  readonly service?: "opening" | ServiceFacts;
  /** The connection to the other processes. */
  readonly bus?: { readonly isUp: boolean };
  readonly gateway?: { readonly isServing: boolean };
}

export interface ServiceFacts {
  /** Fleet time, Unix seconds. */
  readonly now: number;
  /** Why the log cannot go on, or what is new in it does not come here. */
  readonly logFailure?: string | undefined;
  /** Why nobody signs. */
  readonly fence?: string | undefined;
  /** Why it cannot sign with the keys that the newest Authority names: which of them are not here. */
  readonly lacking?: string | undefined;
  readonly authorities: readonly AuthorityDates[];
}

/** A certificate authority that the newest Authority names. */
export interface AuthorityDates {
  readonly purpose: string;
  /** Unix seconds, of it and its root together. */
  readonly notAfterSeconds: number;
}

interface ReadinessCheck {
  readonly name: "ending" | "log" | "fence" | "keys" | "bus" | "gateway";
  readonly ok: boolean;
  readonly why?: string;
}

/** Of all CAs that an Authority names. */
export function authorityDates({ certificates }: Trust, crypto: Crypto): readonly AuthorityDates[] {
  const issuers = verifyTrust(certificates, crypto); // the answer is kept: asking again costs nothing
  return issuers.map(({ purpose, dates }) => ({ purpose, notAfterSeconds: dates.notAfterSeconds }));
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly ReadinessCheck[];
}

export function readiness({ isEnding, service, bus, gateway }: ReadinessFacts): Readiness {
  const checks = [
    isEnding && bad("ending", "the process was told to end"),
    ...(service === "opening"
      ? [bad("log", "the log is being read")]
      : service
        ? serviceChecks(service)
        : []),
    bus && (bus.isUp ? good("bus") : bad("bus", "no NATS server can be reached")),
    gateway && (gateway.isServing ? good("gateway") : bad("gateway", "no gateway serves")),
  ].filter((check) => check !== false && check !== undefined);
  return { ready: checks.every(({ ok }) => ok), checks };
}

/** The purposes of which no CA counts any more at `now`: nothing that they issue would be believed. */
function endedPurposes(authorities: readonly AuthorityDates[], now: number): readonly string[] {
  const purposes = [...new Set(authorities.map(({ purpose }) => purpose))];
  return purposes.filter((purpose) =>
    authorities.every((each) => each.purpose !== purpose || each.notAfterSeconds < now),
  );
}

function serviceChecks({ now, logFailure, fence, ...keys }: ServiceFacts): readonly ReadinessCheck[] {
  const why = keysFault(keys, now);
  return [
    logFailure === undefined ? good("log") : bad("log", logFailure),
    fence === undefined ? good("fence") : bad("fence", fence),
    why === undefined ? good("keys") : bad("keys", why),
  ];
}

function keysFault(
  { lacking, authorities }: Pick<ServiceFacts, "lacking" | "authorities">,
  now: number,
): string | undefined {
  if (lacking !== undefined) return `nothing is signed here: ${lacking}`;
  const ended = endedPurposes(authorities, now);
  if (ended.length === 0) return undefined;
  return `the CA for ${ended.join(" and ")} has ended; see daymark ca rotate`;
}

function good(name: ReadinessCheck["name"]): ReadinessCheck {
  return { name, ok: true };
}

function bad(name: ReadinessCheck["name"], why: string): ReadinessCheck {
  return { name, ok: false, why };
}
