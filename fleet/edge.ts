/**
 * The fleet's one edge: bytes from a device in, a verified request out. Which key had to sign what is
 * stated here and nowhere else; behind it nobody looks at shapes or signatures again.
 */
import { type Trust, openDocument } from "../protocol/authority.js";
import { BirthRecord } from "../protocol/birth.js";
import { equalBytes } from "../protocol/bytes.js";
import {
  EnrollRequest,
  keyProof,
  ReenrollRequest,
  RenewRequest,
  ReturnRequest,
  ticketProof,
} from "../protocol/certify.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { type EnvelopeParts, parseEnvelope } from "../protocol/cose.js";
import { openEnvelope, openParsed, reopenEnvelope } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { Receipt, SyncRequest } from "../protocol/sync.js";
import type { HeldVector } from "../protocol/vector.js";
import { NO_VERSION } from "../protocol/version.js";
import { Voucher } from "../protocol/voucher.js";
import { verifyChain } from "../protocol/x509/verify.js";
import { fromBase64Url, type HeldFact, type KeyFact, toBase64Url } from "./events.js";
import type { CertifyRequest, ImportRequest } from "./registry-certify.js";
import type { ReceiptRequest, SyncFacts } from "./registry-sync.js";
import { keyFactOf, publicKeyOf } from "./sealing.js";
import { openTokens, type TokenFacts } from "./sync-tokens.js";
import type { DeviceView, FleetView } from "./view.js";

/** `now`: fleet time, seconds. */
export interface EdgeContext {
  readonly view: FleetView;
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly now: number;
  /** Seals sync tokens. */
  readonly tokenSecret: Uint8Array;
  /** What a verifier of evidence makes of a device that wants to come back; absent: there is none. */
  readonly attest?: ((number: number) => boolean) | undefined;
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
      return openRenew(bytes, parts, context);
    case ReturnRequest.type:
      return openReturn(bytes, parts, context);
    case ReenrollRequest.type:
      return openReenroll(bytes, parts, context);
    case SyncRequest.type:
      return openSync(bytes, parts, context);
    case Receipt.type: {
      const { value } = openFromDevice(Receipt, bytes, parts, operationalKeys, context);
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
  return certifyRequest("enroll", value, verdict.publicKey, context, { birth, ...attested(value, context) });
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
  { trust, crypto, now }: Omit<EdgeContext, "view" | "tokenSecret">,
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

/** Signed by the LDevID: in date, or ended, which only proves whom to tell so. */
function openRenew(bytes: Uint8Array, parts: EnvelopeParts, context: EdgeContext): DeviceRequest {
  const ldevids = ({ key, certificates }: DeviceView) =>
    certificates.length > 0 ? certificates.map((each) => each.key) : [key]; // it never had one: told so too
  const { value, signer, device } = openFromDevice(
    RenewRequest,
    bytes,
    parts,
    orSuperseded(ldevids),
    context,
  );
  const current = device.certificates.filter(({ notAfter }) => notAfter >= context.now);
  const isCurrent = current.some(({ key }) => key.bytes === toBase64Url(signer.bytes));
  return certifyRequest("renew", value, signer, context, isCurrent ? {} : { expired: true });
}

/** Signed by the base key, the IDevID's at first: an LDevID that ended proves nothing any more. */
function openReturn(bytes: Uint8Array, parts: EnvelopeParts, context: EdgeContext): DeviceRequest {
  const base = orSuperseded((device) => [device.key]);
  const { value, signer } = openFromDevice(ReturnRequest, bytes, parts, base, context);
  return certifyRequest("return", value, signer, context, attested(value, context));
}

/** Signed by the key that it names. Who holds the ticket has signed for just that key, number and nonce. */
function openReenroll(bytes: Uint8Array, parts: EnvelopeParts, context: EdgeContext): DeviceRequest {
  const { view, trust, crypto } = context;
  const claimed = ReenrollRequest.decode(parts.payload);
  const device = view.devices.get(claimed.subject) ?? denied("the fleet does not know this number");
  const { value } = openEnvelope(ReenrollRequest, bytes, [claimed.publicKey], trust.fleetId, crypto);
  const { subject: number, nonce, publicKey } = value;
  const proof = ticketProof(trust.fleetId, number, nonce, publicKey);
  const ticket = device.ticket?.key;
  const isProven =
    ticket !== undefined &&
    crypto.verify({ algorithm: "Ed25519", bytes: fromBase64Url(ticket) }, proof, value.ticket);
  const asked = certifyFacts("reenroll", value, publicKey);
  return { request: isProven ? { ...asked, ticket } : asked, nonce };
}

function openSync(bytes: Uint8Array, parts: EnvelopeParts, context: EdgeContext): DeviceRequest {
  const { value, signer, device } = openFromDevice(
    SyncRequest,
    bytes,
    parts,
    orSuperseded(operationalKeys),
    context,
  );
  const request: SyncFacts = {
    type: "sync",
    number: value.subject,
    nonce: toBase64Url(value.nonce),
    key: toBase64Url(signer.bytes),
    held: heldFact(value.holds),
    alarms: value.alarms ?? [],
    time: value.time ?? 0,
    ...tokenFacts(value, device, context),
  };
  return { request, nonce: value.nonce, sync: value };
}

function tokenFacts(
  sync: SyncRequest,
  device: DeviceView,
  { view, trust, crypto, tokenSecret: secret }: EdgeContext,
): TokenFacts {
  return openTokens({ secret, era: view.era, fleetId: trust.fleetId, crypto }, device, sync);
}

/** Sync and receipts count from any key of the device: a held device may have nothing but its base key. */
function operationalKeys({ key, certificates }: DeviceView): readonly KeyFact[] {
  return [key, ...certificates.map((each) => each.key)];
}

/** Those too that a re-enrollment replaced: `decide` refuses whoever has signed with them, and tells why. */
function orSuperseded(keysOf: (device: DeviceView) => readonly KeyFact[]): typeof keysOf {
  return (device) => [...keysOf(device), ...(device.superseded ?? [])];
}

/** Opens a message with keys of the device that its payload names. */
function openFromDevice<T extends { readonly subject: number }>(
  message: Parameters<typeof openEnvelope<T>>[0],
  bytes: Uint8Array,
  parts: EnvelopeParts,
  keysOf: (device: DeviceView) => readonly KeyFact[],
  { view, trust, crypto }: EdgeContext,
): { value: T; signer: PublicKey; device: DeviceView } {
  const { subject } = message.decode(parts.payload);
  const device = view.devices.get(subject);
  if (!device) denied("the fleet does not know this number");
  const keys = keysOf(device).map(publicKeyOf);
  const { value, signers } = openParsed(message, bytes, parts, keys, trust.fleetId, crypto);
  const [signer] = signers;
  if (!signer) throw new Error("an envelope that was opened was signed");
  return { value, signer, device };
}

function certifyRequest(
  via: "enroll" | "renew" | "return",
  value: RenewRequest,
  signer: PublicKey,
  { trust, crypto }: EdgeContext,
  more: Pick<CertifyRequest, "birth" | "expired" | "attested">,
): DeviceRequest {
  const { subject: number, nonce, publicKey, proof } = value;
  if (!crypto.verify(publicKey, keyProof(trust.fleetId, number, nonce, publicKey), proof)) {
    denied("the new key did not sign: it may not be held by this device");
  }
  return { request: { ...certifyFacts(via, value, signer), ...more }, nonce };
}

function certifyFacts(
  via: CertifyRequest["via"],
  { subject: number, nonce, publicKey }: Pick<RenewRequest, "subject" | "nonce" | "publicKey">,
  signer: PublicKey,
): CertifyRequest {
  const [newKey, key] = [keyFactOf(publicKey), toBase64Url(signer.bytes)];
  return { type: "certify", via, number, nonce: toBase64Url(nonce), newKey, key };
}

function attested({ subject }: RenewRequest, { attest }: EdgeContext): Pick<CertifyRequest, "attested"> {
  return attest ? { attested: attest(subject) } : {};
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
