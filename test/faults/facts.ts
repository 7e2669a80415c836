/**
 * What somebody was told and what the log says, in the same words, so that they can be compared as sets: whatever
 * a device or an operator got an answer for has to be in the log. Pure.
 */
import { openRecord } from "../../device/held.js";
import type { DeviceRecord } from "../../device/record.js";
import { type FleetEvent, toBase64Url } from "../../fleet/events.js";
import type { Crypto } from "../../protocol/crypto.js";
import type { Version } from "../../protocol/version.js";

export const requested = (act: string) => `request ${act}`;
export const approved = (act: string) => `approval ${act}`;
/** A document was issued for one of an act's devices. */
export const issuedFor = (act: string, number: number) => `document of ${act} for ${number}`;
export const born = (number: number, hardwareId: Uint8Array) => `birth ${number} ${toBase64Url(hardwareId)}`;

/** Each fact that one event of the log stands for. */
export function factsOf(event: FleetEvent): readonly string[] {
  switch (event.type) {
    case "act-requested":
      return [requested(event.id)];
    case "act-approved":
      return [approved(event.id)];
    case "device-imported":
      return [`birth ${event.number} ${event.hardwareId}`];
    case "directive-issued":
    case "release-issued": {
      const { number, version, act } = event;
      const kind = event.type === "directive-issued" ? "directive" : "release";
      const document = issued(kind, number, version);
      return act === undefined ? [document] : [document, issuedFor(act, number)];
    }
    case "lease-issued":
      return [`lease ${event.number} ${event.nonce}`];
    case "certificate-issued":
      return [`certificate ${event.number} ${event.generation} ${event.key.bytes}`];
    default:
      return [];
  }
}

/** All that a device has stored, and so was given by the fleet. */
export function factsHeldBy(record: DeviceRecord, crypto: Crypto): readonly string[] {
  const { number } = record;
  const { directive, release, lease, ldevid } = openRecord(record, crypto);
  return [
    ...(directive ? [issued("directive", number, directive.value.version)] : []),
    ...(release ? [issued("release", number, release.value.version)] : []),
    ...(lease ? [`lease ${number} ${toBase64Url(lease.value.nonce)}`] : []),
    ...(ldevid ? [`certificate ${number} ${ldevid.generation} ${toBase64Url(ldevid.publicKey.bytes)}`] : []),
  ];
}

function issued(kind: "directive" | "release", number: number, version: Version): string {
  return `${kind} ${number} ${version.join(".")}`;
}
