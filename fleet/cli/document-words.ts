/** One document of a bundle in one line, for people: what it is, about whom, of which version, and what it says. */
import { AdvisoryList, AdvisoryRemoval } from "../../protocol/advisory.js";
import { Approval } from "../../protocol/approval.js";
import { Authority } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import { toHex } from "../../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { Directive } from "../../protocol/directive.js";
import { ProtocolError } from "../../protocol/errors.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { LedgerPart } from "../../protocol/ledger-part.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { orRefusal } from "../../protocol/refusal.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncReply, SyncRequest } from "../../protocol/sync.js";
import type { HeldVector } from "../../protocol/vector.js";
import type { Version } from "../../protocol/version.js";
import { Voucher } from "../../protocol/voucher.js";
import { fleetIdIn, timestamp } from "../api/json.js";
import { toBase64Url } from "../events.js";
import { freshnessText } from "./freshness.js";
import { NOTHING } from "./output.js";

export interface DocumentWords {
  /** Name of the message; "unreadable" for what nobody could use. */
  readonly document: string;
  /** "device 7", "all", or `NOTHING` where it names nobody. */
  readonly about: string;
  /** Such as "1.7"; `NOTHING` for what has none. */
  readonly version: string;
  readonly says: string;
}

/** Signatures are not looked at: this is what it claims. */
export function documentWords(item: Uint8Array): DocumentWords {
  const words = orRefusal(() => (looksSigned(item) ? ofEnvelope(item) : ofFrame(item)));
  if (!(words instanceof ProtocolError)) return words;
  const says = `${words.code}: ${words.message}`;
  return { document: "unreadable", about: NOTHING, version: NOTHING, says };
}

type Words = Omit<DocumentWords, "document">;

/** Those that people carry; all others are named, and no more. */
const READERS = [
  reader(Authority, ({ version, name }) => forAll(String(version), `who may sign for "${name}"`)),
  reader(Directive, ({ subject, version, level, reason, rekey, reboot, attest }) => {
    const counts = Object.entries({ rekey, reboot, attest }).filter(([, times]) => times !== undefined);
    const asks = counts.map(([count, times]) => `, ${count} ${times} times in all`).join("");
    return forDevice(subject, version, `hold at ${level}${asks} (${reason})`);
  }),
  reader(Release, releaseWords),
  reader(AdvisoryList, ({ version, entries }) => forAll(text(version), `${entries.length} advisories count`)),
  reader(AdvisoryRemoval, ({ version, ids }) =>
    forAll(text(version), `advisories ${ids.join(", ")} count no more`),
  ),
  reader(Approval, ({ act, digest, expiresAt }) => ({
    about: `request ${toHex(act)}`,
    version: NOTHING,
    says: `carry it out, as shown with digest ${toHex(digest.subarray(0, 8))}, if before ${timestamp(expiresAt)}`,
  })),
  reader(Beacon, ({ version, denied }) => forAll(text(version), `${denied} numbers are denied`)),
  reader(Lease, ({ subject, time, goodUntil }) =>
    forDevice(subject, time, `in touch at ${timestamp(time[1])}, good until ${timestamp(goodUntil)}`),
  ),
  reader(Voucher, voucherWords),
  reader(SyncRequest, ({ subject, holds }) => forDevice(subject, undefined, `asks; holds ${held(holds)}`)),
  reader(Receipt, ({ subject, counter, holds }) =>
    forDevice(subject, undefined, `receipt ${counter}: holds ${held(holds)}`),
  ),
  reader(SyncReply, ({ lease, documents }) => {
    const inside = lease ? documentWords(lease) : undefined;
    const also = `${documents.length} documents beside ${inside ? "a lease" : "no lease"}`;
    return { about: inside?.about ?? NOTHING, version: inside?.version ?? NOTHING, says: also };
  }),
  reader(LedgerPart, ({ from, to, size, offset, bytes }) =>
    forAll(
      text(to),
      `${from ? `what changed since ${text(from)}` : "whole ledger"}: ${bytes.length} of ${size} bytes from ${offset}`,
    ),
  ),
] as const;

/** A release frees, erases, or revokes for good: those who sign it must see which. */
function releaseWords({ subject, version, level, clearedAlarms = [], wipe, freshness }: Release): Words {
  const parts = [
    level === "revoked" ? "REVOKED for good" : `what holds it is lifted, it is left at ${level}`,
    ...(clearedAlarms.length > 0 ? [`alarms ${clearedAlarms.join(", ")} are cleared`] : []),
    ...(wipe === undefined ? [] : [`WIPED, ${wipe} times in all`]),
    ...(freshness ? [`freshness of its own: ${freshnessText(freshness)}`] : []),
  ];
  return forDevice(subject, version, parts.join("; "));
}

/** Those who sign one give the device away for good: to whom, and how far it stays held. */
function voucherWords({ hardwareId, index, owner, level }: Voucher): Words {
  const fleet = fleetIdIn(toBase64Url(owner));
  const given = `GIVEN for good to fleet ${fleet}, where it begins at ${level}`;
  const says = index > 0 ? given : `made for fleet ${fleet}`;
  return { about: `hardware ${toHex(hardwareId)}`, version: String(index), says };
}

function ofEnvelope(item: Uint8Array): DocumentWords {
  const { type, payload } = parseEnvelope(item);
  const message = SIGNED_MESSAGES.find((known) => known.type === type);
  return wordsOf(type, message, (known) => known.decode(payload));
}

/** Of a frame, also of what is to be signed yet. */
function ofFrame(item: Uint8Array): DocumentWords {
  const type = frameType(item);
  const message = [...PLAIN_MESSAGES, ...SIGNED_MESSAGES].find((known) => known.type === type);
  return wordsOf(type, message, (known) => decodeFrame(known, item));
}

function wordsOf(
  type: number,
  message: Message<unknown> | undefined,
  read: (message: Message<unknown>) => unknown,
): DocumentWords {
  if (!message)
    throw new ProtocolError("unknown-type", `no message that this version knows has the number ${type}`);
  const value = read(message);
  const own = READERS.find((known) => known.type === type);
  const words = own ? own.words(value) : { about: aboutOf(value), version: NOTHING, says: "" };
  return { document: message.name, ...words };
}

function reader<T>(message: Message<T>, words: (value: T) => Words) {
  return { type: message.type, words: words as (value: unknown) => Words };
}

function aboutOf(value: unknown): string {
  const { subject } = value as { readonly subject?: unknown };
  return typeof subject === "number" ? `device ${subject}` : NOTHING;
}

function forDevice(number: number, version: Version | undefined, says: string): Words {
  return { about: `device ${number}`, version: version ? text(version) : NOTHING, says };
}

function forAll(version: string, says: string): Words {
  return { about: "all", version, says };
}

function held({ authority, directive, release, ledger, level }: HeldVector): string {
  const versions = { directive, release, ledger };
  const known = Object.entries(versions).flatMap(([kind, one]) =>
    one ? [`${kind} ${text(one.version)}`] : [],
  );
  return [`authority ${authority.version}`, ...known, `level ${level}`].join(", ");
}

function text(version: Version): string {
  return version.join(".");
}
