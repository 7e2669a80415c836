/** Who becomes a member, and who gets an LDevID. A certificate is never an answer to a quarantined device. */
import { higherLevel, isQuarantined, type Level } from "../protocol/level.js";
import { latched } from "./advisories.js";
import { directiveFact, holdable } from "./device-documents.js";
import type { Base64Url, Fact, FactOf, KeyFact } from "./events.js";
import { BACKDATE_SECONDS } from "./policy.js";
import { accept, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { isSuperseded, newKeys, SUPERSEDED } from "./registry-reenroll.js";
import { decideReturn } from "./registry-return.js";
import { type DeviceView, type FleetView, nextVersion } from "./view.js";
import { importedDevice } from "./view-device.js";

/** A birth record that was verified: signature, station, keys. */
export interface ImportRequest {
  readonly type: "import";
  readonly birth: Omit<FactOf<"device-imported">, "type">;
  /** It was drawn up as the next of all births: if another came first, number and hardware have to be looked at again. */
  readonly isNext?: true;
}

/** A request for an LDevID that was verified: the key that signed it, and the proof of the new key. */
export interface CertifyRequest {
  readonly type: "certify";
  readonly via: FactOf<"certificate-issued">["via"];
  readonly number: number;
  readonly nonce: Base64Url;
  readonly newKey: KeyFact;
  /** The key that signed it. */
  readonly key: Base64Url;
  /** Only with `enroll`: the birth that the device carried with it. */
  readonly birth?: ImportRequest["birth"];
  /** Only with `renew`: the LDevID that signed it has ended. */
  readonly expired?: true;
  /** Only with `reenroll`: the key of a ticket that signed too; absent: none that is known. */
  readonly ticket?: Base64Url;
  /** What a verifier made of its evidence; absent: nobody looked. */
  readonly attested?: boolean;
}

/** Seconds after which a device that is not known yet should ask again. */
const PENDING_RETRY_SECONDS = 600;

/** Idempotent: the same record again changes nothing; another device under the same number is refused. */
export function decideImport(view: FleetView, { birth, isNext }: ImportRequest, context: Context): Decision {
  const known = view.devices.get(birth.number);
  if (isNext && birth.index !== view.births) return refuse("conflict", "another birth came first");
  if (!known) return accept(...birthFacts(view, birth, context));
  if (sameDevice(known, birth)) return accept();
  return refuse(
    "conflict",
    `number ${birth.number} belongs to another device already; this birth was not imported`,
  );
}

/** A birth of hardware that the fleet may know already; or an arrival from another owner. */
export function birthFacts(
  view: FleetView,
  birth: ImportRequest["birth"],
  context: Context,
): readonly Fact[] {
  const imported: Fact = { type: "device-imported", ...birth };
  const device = deviceAtBirth(view, birth, context);
  const inherited = inheritedLevel(view, device);
  const reason = inherited === "none" ? "enrolled" : "standing that this hardware came with";
  const { directive: term } = context.terms;
  if (inherited === "revoked" && context.releaseOnline) {
    const version = nextVersion(device, term);
    const revoked = { version, level: inherited, reason, clearedAlarms: [], wipe: 0 } as const;
    return [imported, { type: "release-issued", number: birth.number, ...revoked }];
  }
  // Without the release role's keys, the highest that can be said until their holders revoke this number too.
  return [imported, directiveFact(device, holdable(inherited), term, { reason })];
}

/** The device as it would be in the view right after its import. */
function deviceAtBirth(
  { advisories }: FleetView,
  birth: ImportRequest["birth"],
  { now }: Context,
): DeviceView {
  const event = { type: "device-imported", ...birth, at: now, actor: "fleet" } as const;
  return latched(importedDevice(event), advisories.active);
}

/**
 * Standing is bound to the hardware: a second birth stands where the first one stood (P7). An advisory
 * that the new number matches itself needs no directive, and ends with its removal.
 */
function inheritedLevel(view: FleetView, born: DeviceView): Level {
  const others = view.advisories.active.filter(({ id }) => !born.latched.includes(id));
  const earlier = (view.numberByHardware.get(born.hardwareId) ?? []).flatMap((number) => {
    const device = view.devices.get(number);
    if (!device) return [];
    const advised = others.filter(({ id }) => device.latched.includes(id));
    return [device.standing, ...advised.map(({ level }) => level)];
  });
  return earlier.reduce<Level>(higherLevel, born.birth.origin?.level ?? "none");
}

export function decideCertify(view: FleetView, request: CertifyRequest, context: Context): Decision {
  const device = view.devices.get(request.number);
  if (!device) return decideUnknown(view, request, context);
  if (isSuperseded(device, request.key)) return refuse("superseded", SUPERSEDED);
  if (device.level === "revoked") return refuse("revoked", "this device was revoked for good");
  if (device.transferred) return refuse("denied", "given to another owner: it needs that owner's papers");
  if (isQuarantined(device.level)) return refuse("held", `held at ${device.level}: sync instead`);
  if (request.via === "reenroll" && !isReenrolled(device, request))
    return decideReenroll(device, request, context);
  if (device.suspectedAt !== undefined)
    return refuse("suspected", "two seem to hold these keys: an operator has to look; sync meanwhile");
  if (request.birth && !sameDevice(device, request.birth)) {
    return refuse("denied", "number, hardware or key differ from the birth record that was imported");
  }
  if (request.via !== "enroll" && device.certificates.length === 0)
    return refuse("not-enrolled", "this device never had an LDevID: enroll first");
  if (request.expired) return refuse("expired", "this LDevID has ended: come back with a return");
  return decideCertificate(device, request, context);
}

function decideReenroll(device: DeviceView, request: CertifyRequest, context: Context): Decision {
  const change = newKeys(device, request, context);
  if ("code" in change) return refuse(change.code, change.text);
  const certificate = certificateFact(request, change.generation, context);
  return accept(...change.facts, certificate);
}

function decideCertificate(device: DeviceView, request: CertifyRequest, context: Context): Decision {
  if (isRetry(device, request, context)) return accept();
  if (isOld(device, request))
    return refuse("denied", "answered before, and a later request since: somebody repeats an old one");
  const certificate = certificateFact(request, device.lowestGeneration, context);
  return decideReturn(device, request, context) ?? accept(certificate);
}

/**
 * The answer is in the view already. A certificate that ended since is none: the device was dark between
 * request and reply, and keeps asking with the nonce and key that it saved (P9).
 */
function isRetry(device: DeviceView, { nonce, newKey }: CertifyRequest, { now }: Context): boolean {
  const last = device.certificates.at(-1);
  return last?.nonce === nonce && last.key.bytes === newKey.bytes && last.notAfter >= now;
}

/** Whoever repeats one that was carried through could else have keys certified that the device has given up. */
function isOld({ answered, certificates }: DeviceView, { nonce }: CertifyRequest): boolean {
  return answered.includes(nonce) && certificates.at(-1)?.nonce !== nonce;
}

/**
 * This very request was carried out: the base key repeats it, which takes no ticket. If that comes so late that
 * its LDevID has ended, it is a return like any other.
 */
function isReenrolled({ key, certificates }: DeviceView, { nonce, newKey }: CertifyRequest): boolean {
  return key.bytes === newKey.bytes && certificates.at(-1)?.nonce === nonce;
}

/** A birth that was never imported: its signed record is as good as the batch, if the policy says so. */
function decideUnknown(view: FleetView, request: CertifyRequest, context: Context): Decision {
  if (!request.birth) return refuse("denied", "the fleet does not know this number");
  if (context.policy.unknownDevices === "wait") {
    return refuse("pending-import", "this birth was not imported yet", PENDING_RETRY_SECONDS);
  }
  const born = deviceAtBirth(view, request.birth, context);
  const held = isQuarantined(higherLevel<Level>(inheritedLevel(view, born), born.advised));
  const issued = held ? [] : [certificateFact(request, 1, context)];
  return accept(...birthFacts(view, request.birth, context), ...issued);
}

function certificateFact(request: CertifyRequest, generation: number, { now, policy }: Context): Fact {
  return {
    type: "certificate-issued",
    number: request.number,
    generation,
    via: request.via,
    key: request.newKey,
    nonce: request.nonce,
    notBefore: now - BACKDATE_SECONDS,
    notAfter: now + policy.ldevidSeconds,
  };
}

/** By the key that it was born with: a re-enrollment leaves its IDevID as it is. */
function sameDevice(device: DeviceView, birth: ImportRequest["birth"]): boolean {
  return device.hardwareId === birth.hardwareId && device.birth.key.bytes === birth.key.bytes;
}
