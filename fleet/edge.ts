/**
 * The fleet's one edge: bytes from a device in, a verified request out. Which key had to sign what is
 * stated here and nowhere else; behind it nobody looks at shapes or signatures again.
 */
import { type Trust, openDocument } from "../protocol/authority.js";
import { BirthRecord } from "../protocol/birth.js";
import { equalBytes } from "../protocol/bytes.js";
import { EnrollRequest, keyProof, RenewRequest, ReturnRequest } from "../protocol/certify.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { type EnvelopeParts, parseEnvelope } from "../protocol/cose.js";
import { openEnvelope, reopenEnvelope } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { Receipt, SyncRequest } from "../protocol/sync.js";
import type { HeldVector } from "../protocol/vector.js";
import { NO_VERSION } from "../protocol/version.js";
import { Voucher } from "../protocol/voucher.js";
import { verifyChain } from "../protocol/x509/verify.js";
import { type HeldFact, toBase64Url } from "./events.js";
import type { CertifyRequest, ImportRequest } from "./registry-certify.js";
import type { ReceiptRequest, SyncFacts } from "./registry-sync.js";
import { keyFactOf, publicKeyOf } from "./sealing.js";
import type { DeviceView, FleetView } from "./view.js";

/** `now`: fleet time, seconds. */
export interface EdgeContext {
  readonly view: FleetView;
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly now: number;
}

/** The request, its nonce (for the reply) and, for a sync, the hashes that the device named. */
export interface DeviceRequest {
  readonly request: CertifyRequest | SyncFacts | ReceiptRequest;
  readonly nonce?: Uint8Array;
  readonly sync?: SyncRequest;
}

/** @throws ProtocolError: nothing of what was sent is used. */
export function openDeviceRequest(bytes: Uint8Array, context: EdgeContext): DeviceRequest {
  const parts = parseEnvelope(bytes);
  switch (parts.type) {
    case EnrollRequest.type:
      return openEnroll(bytes, parts, context);
    case RenewRequest.type:
      return openRenew(bytes, context);
    case ReturnRequest.type:
      return openReturn(bytes, context);
    case SyncRequest.type:
      return openSync(bytes, context);
    case Receipt.type: {
      const { value } = openFromDevice(Receipt, bytes, operationalKeys, context);
      return {
        request: {
          type: "receipt",
          number: value.subject,
          counter: value.counter,
          held: heldFact(value.holds),
        },
      };
    }
    default:
      throw new ProtocolError("unknown-type", `a device does not send messages of type ${parts.type}`);
  }
}

/** Signed by the IDevID that it carries: chain, voucher and birth record must all speak of the same device. */
function openEnroll(bytes: Uint8Array, parts: EnvelopeParts, context: EdgeContext): DeviceRequest {
  const { trust, crypto, now } = context;
  const claimed = EnrollRequest.decode(parts.payload);
  const verdict = verifyChain(claimed.idevid, trust.certificates, now, crypto);
  if (verdict.profile !== "idevid" || verdict.window !== "current")
    denied("the chain is no IDevID that counts today");
  const { value } = openEnvelope(EnrollRequest, bytes, [verdict.publicKey], trust.fleetId, crypto);
  if (value.subject !== verdict.number) denied("the request names another number than its certificate");
  const known = context.view.devices.get(value.subject)?.birth;
  const birth = openBirth(value, context, known);
  return { ...certifyRequest("enroll", value, context, birth), nonce: value.nonce };
}

/**
 * What a station gave a device, checked to speak of one and the same device.
 * @param known - the birth that was imported under this number. Its voucher was verified then; the factory
 *   key of that time may have been replaced since, and must not lock the device out. The voucher of a device
 *   that another owner gave counts in no other way.
 * @throws ProtocolError
 */
export function openBirth(
  given: Pick<EnrollRequest, "idevid" | "voucher" | "record">,
  { trust, crypto, now }: Omit<EdgeContext, "view">,
  known?: Pick<DeviceView["birth"], "voucher">,
): ImportRequest["birth"] {
  const { station, publicKey, number } = verifyChain(given.idevid, trust.certificates, now, crypto);
  if (!station) denied("only a station can vouch for a birth");
  const leaf = given.idevid[0] ?? new Uint8Array();
  const record = openEnvelope(BirthRecord, given.record, [station.publicKey], trust.fleetId, crypto).value;
  const sameDevice = record.subject === number && equalBytes(record.publicKey.bytes, publicKey.bytes);
  if (!sameDevice || !equalBytes(record.idevid, crypto.sha256(leaf)))
    denied("the birth record is for another IDevID");
  const isKnown = known?.voucher === toBase64Url(given.voucher);
  const voucher = reopenEnvelope(Voucher, given.voucher, crypto).value;
  if (!isKnown && voucher.index > 0)
    denied("another owner gave this device: take it first, by its hand-over");
  if (!isKnown) openDocument(Voucher, given.voucher, trust, crypto);
  if (!equalBytes(voucher.deviceKey, crypto.sha256(publicKey.bytes)))
    denied("the voucher is for another key");
  if (!equalBytes(voucher.hardwareId, record.hardwareId)) denied("the voucher is for other hardware");
  if (!equalBytes(voucher.owner.subarray(0, trust.fleetId.length), trust.fleetId)) {
    denied("the voucher names another owner");
  }
  return {
    number,
    hardwareId: toBase64Url(record.hardwareId),
    model: record.model,
    key: keyFactOf(publicKey),
    record: toBase64Url(given.record),
    voucher: toBase64Url(given.voucher),
    idevid: toBase64Url(leaf),
    index: record.index,
    station: station.number,
  };
}

/** Signed by the LDevID in date. */
function openRenew(bytes: Uint8Array, context: EdgeContext): DeviceRequest {
  const current = (device: DeviceView) =>
    device.certificates.filter(({ notAfter }) => notAfter >= context.now).map(({ key }) => publicKeyOf(key));
  const { value } = openFromDevice(RenewRequest, bytes, current, context);
  return { ...certifyRequest("renew", value, context), nonce: value.nonce };
}

/** Signed by the IDevID key: an LDevID that ended proves nothing any more. */
function openReturn(bytes: Uint8Array, context: EdgeContext): DeviceRequest {
  const { value } = openFromDevice(ReturnRequest, bytes, (device) => [publicKeyOf(device.key)], context);
  return { ...certifyRequest("return", value, context), nonce: value.nonce };
}

function openSync(bytes: Uint8Array, context: EdgeContext): DeviceRequest {
  const { value, signer } = openFromDevice(SyncRequest, bytes, operationalKeys, context);
  const request: SyncFacts = {
    type: "sync",
    number: value.subject,
    nonce: toBase64Url(value.nonce),
    key: toBase64Url(signer.bytes),
    held: heldFact(value.holds),
    alarms: value.alarms ?? [],
    time: value.time ?? 0,
  };
  return { request, nonce: value.nonce, sync: value };
}

/** Sync and receipts count from any key of the device: a held device may have nothing but its IDevID. */
function operationalKeys(device: DeviceView): readonly PublicKey[] {
  return [device.key, ...device.certificates.map(({ key }) => key)].map(publicKeyOf);
}

/** Opens a message with keys of the device that its payload names. */
function openFromDevice<T extends { readonly subject: number }>(
  message: Parameters<typeof openEnvelope<T>>[0],
  bytes: Uint8Array,
  keysOf: (device: DeviceView) => readonly PublicKey[],
  { view, trust, crypto }: EdgeContext,
): { value: T; signer: PublicKey } {
  const { subject } = message.decode(parseEnvelope(bytes).payload);
  const device = view.devices.get(subject);
  if (!device) denied("the fleet does not know this number");
  const { value, signers } = openEnvelope(message, bytes, keysOf(device), trust.fleetId, crypto);
  const [signer] = signers;
  if (!signer) throw new Error("an envelope that was opened was signed");
  return { value, signer };
}

function certifyRequest(
  via: CertifyRequest["via"],
  value: RenewRequest,
  { trust, crypto }: EdgeContext,
  birth?: ImportRequest["birth"],
): { request: CertifyRequest } {
  const { subject: number, nonce, publicKey, proof } = value;
  if (!crypto.verify(publicKey, keyProof(trust.fleetId, number, nonce, publicKey), proof)) {
    denied("the new key did not sign: it may not be held by this device");
  }
  const request = {
    type: "certify",
    via,
    number,
    nonce: toBase64Url(nonce),
    newKey: keyFactOf(publicKey),
  } as const;
  return { request: birth ? { ...request, birth } : request };
}

function heldFact(holds: HeldVector): HeldFact {
  const { authority, ledger, advisories, removals, directive, release, level, done = {} } = holds;
  return {
    authority: authority.version,
    ledger: ledger?.version ?? NO_VERSION,
    advisories: advisories?.version ?? NO_VERSION,
    removals: removals?.version ?? NO_VERSION,
    directive: directive?.version ?? NO_VERSION,
    release: release?.version ?? NO_VERSION,
    level,
    done,
  };
}

function denied(why: string): never {
  throw new ProtocolError("wrong-key", why);
}
