/**
 * A fleet that is nothing but its keys: founded by the real ceremony, it bears devices with real papers
 * and signs whatever a test asks for.
 */
import { randomBytes } from "node:crypto";
import type { DeviceRecord } from "../../device/record.js";
import { caName, foundFleet } from "../../fleet/ceremony.js";
import { FLEET_KEY_NAMES, type FleetKeyName, type FleetKeys } from "../../fleet/fleet-keys.js";
import { drawUpPapers, type StationIdentity } from "../../fleet/station/births.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { type AuthorityChanges, draftNext } from "../../fleet/ceremony-next.js";
import { AdvisoryList, AdvisoryRemoval } from "../../protocol/advisory.js";
import { Authority, type Trust } from "../../protocol/authority.js";
import { fleetIdOf, openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { Beacon } from "../../protocol/beacon.js";
import { ledgerDigest } from "../protocol/ledger/ledgers.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Algorithm, PublicKey, Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { addSignature, sealEnvelope } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { encodeContent } from "../../protocol/ledger/content.js";
import { LedgerPart, type LedgerRequest } from "../../protocol/ledger-part.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { SyncReply, type SyncRequest } from "../../protocol/sync.js";
import { Time } from "../../protocol/time.js";
import type { RequiredVector } from "../../protocol/vector.js";
import { NO_VERSION } from "../../protocol/version.js";
import { issueCertificate, newSerial } from "../../protocol/x509/certificate.js";
import type { Identity } from "../../protocol/x509/profiles.js";
import { NEVER_EXPIRES_SECONDS } from "../../protocol/x509/time.js";
import type { CaPurpose } from "../../protocol/x509/trust.js";

export const entropy = (size: number): Uint8Array => new Uint8Array(randomBytes(size));
export const DAY = 86_400;
/** Fleet time at which every test begins, Unix seconds. */
export const START = Date.UTC(2027, 0, 1) / 1000;
export const LEASE_SECONDS = 7 * DAY;
const LDEVID_SECONDS = 30 * DAY;
const GATEWAY_SECONDS = 3650 * DAY;

/** A key whose private half stays in this closure. */
export function softSigner(algorithm: Algorithm = "ES256"): Signer {
  const key = nodeCrypto.generate(algorithm, entropy);
  return { publicKey: nodeCrypto.publicKey(key), sign: (message) => nodeCrypto.sign(key, message) };
}

/** First and last second. */
type Dates = readonly [from: number, until: number];

export class Owner {
  keys: FleetKeys;
  trust: Trust;
  /** Authorities from version 2 on. */
  readonly links: Uint8Array[] = [];
  /** What a question for the ledger is answered from: the numbers that are denied. */
  denied: readonly number[] = [];
  /** Fleet time, Unix seconds. */
  now = START;
  /** Authority 1, with which a device is born. */
  readonly #first: Uint8Array;
  readonly #station: StationIdentity;
  #births = 0;
  #last: Uint8Array | undefined;

  /** @param freshness - what a lease that ran out does, by default as the ceremony has it. @param models - their own. */
  constructor(freshness?: Authority["freshness"], models?: Authority["models"]) {
    const keys = Object.fromEntries(FLEET_KEY_NAMES.map((name) => [name, softSigner()]));
    this.keys = keys as unknown as FleetKeys;
    const founded = foundFleet("owner", { keys: this.keys, crypto: nodeCrypto, entropy, now: START - DAY });
    const tables = { ...(freshness && { freshness }), ...(models && { models }) };
    this.trust = freshness || models ? this.#signed({ ...founded.authority.value, ...tables }) : founded;
    this.#first = this.trust.authority.bytes;
    const { station, factory } = this.keys;
    const certificate = this.certify(
      { profile: "station", holder: this.holder(900) },
      station.publicKey,
      "factory",
    );
    this.#station = { trust: this.trust, certificate, station, factory, crypto: nodeCrypto, entropy };
  }

  /** The next Authority, signed by the root keys before and after. @returns the link. */
  rotate(changes: Partial<AuthorityChanges> = {}, keys: Partial<FleetKeys> = {}): Uint8Array {
    const link = this.link(changes, keys);
    this.trust = openNextAuthority(link, this.trust, nodeCrypto);
    this.keys = { ...this.keys, ...keys };
    this.links.push(link);
    return link;
  }

  /** The same, and the fleet itself takes no notice of it. */
  link(changes: Partial<AuthorityChanges> = {}, keys: Partial<FleetKeys> = {}): Uint8Array {
    const x509Root = keys["x509-root"] ?? this.keys["x509-root"];
    const all = {
      roles: {},
      terms: [],
      timeBase: this.now,
      cas: {},
      keep: "factory",
      replaceRoot: false,
    } as const;
    const context = { crypto: nodeCrypto, entropy, now: this.now - DAY };
    const draft = draftNext(this.trust, { ...all, x509Root, ...changes }, context);
    const { fleetId } = this.trust;
    const signed = sealEnvelope(Authority, draft, this.keys.root, fleetId, nodeCrypto);
    return keys.root ? addSignature(signed, keys.root, fleetId, nodeCrypto) : signed;
  }

  #signed(authority: Authority): Trust {
    const fleetId = fleetIdOf(Authority.encode(authority), nodeCrypto);
    const bytes = sealEnvelope(Authority, authority, this.keys.root, fleetId, nodeCrypto);
    return openFirstAuthority(bytes, nodeCrypto);
  }

  get terms(): Authority["terms"] {
    return this.trust.authority.value.terms;
  }

  holder(number: number, generation = 0) {
    return { fleetId: this.trust.fleetId, number, generation };
  }

  /** DER of a certificate by one of the fleet's own CAs. */
  certify(
    identity: Identity,
    publicKey: PublicKey,
    purpose: CaPurpose,
    [notBeforeSeconds, notAfterSeconds]: Dates = [START - DAY, NEVER_EXPIRES_SECONDS],
  ): Uint8Array {
    const subject = { commonName: "a holder", organization: "owner" };
    const dates = { notBeforeSeconds, notAfterSeconds };
    const request = { ...identity, ...dates, serial: newSerial(entropy), subject, publicKey };
    const ca = `${purpose}-ca` as const;
    return issueCertificate(request, { name: caName("owner", ca), signer: this.keys[ca] }, nodeCrypto);
  }

  /** The certificate of the CA for `purpose`, DER. */
  ca(purpose: CaPurpose): Uint8Array {
    const found = this.trust.authority.value.issuers.find((issuer) => issuer.purpose === purpose);
    if (!found) throw new Error("the ceremony makes one of each");
    return found.certificate;
  }

  /** DER, leaf first. */
  ldevid(number: number, publicKey: PublicKey, dates: Dates = [this.now - 300, this.now + LDEVID_SECONDS]) {
    const identity = { profile: "ldevid", holder: this.holder(number, 1) } as const;
    return [this.certify(identity, publicKey, "device", dates), this.ca("device")];
  }

  /** Chain of a gateway, DER, leaf first. */
  gateway(publicKey: PublicKey, dates: Dates = [START - DAY, START + GATEWAY_SECONDS]) {
    const identity = { profile: "gateway", holder: this.holder(901), hosts: ["localhost"] } as const;
    return [this.certify(identity, publicKey, "service", dates), this.ca("service")];
  }

  /** The papers of a new device, as a station draws them up. */
  papers(number: number, hardwareId: Uint8Array, publicKey: PublicKey) {
    const previous = this.#last ? { previous: this.#last } : {};
    const birth = { number, hardwareId, model: "camera", publicKey, bornAt: START - DAY, ...previous };
    const { idevid, ...papers } = drawUpPapers({ ...birth, index: this.#births++ }, this.#station);
    this.#last = papers.record;
    const chain = [idevid, this.#station.certificate];
    return { ...papers, idevid: chain, authority: this.#first };
  }

  /** What a device keeps that was just born. */
  bear(number: number, publicKey: PublicKey): DeviceRecord {
    const hardwareId = utf8(`hw-${number}`);
    const { record: birth, ...papers } = this.papers(number, hardwareId, publicKey);
    const counters = {
      lastAlarmId: 0,
      signedSeconds: 0,
      poweredSeconds: 0,
      receiptCounter: 0,
      keyCounter: 0,
    };
    const { fleetId } = this.trust;
    return {
      number,
      hardwareId,
      model: "camera",
      fleetId,
      ...papers,
      birth,
      holds: [],
      alarms: [],
      ...counters,
    };
  }

  seal<T>(message: Message<T>, value: T, key: FleetKeyName): Uint8Array {
    return sealEnvelope(message, value, this.keys[key], this.trust.fleetId, nodeCrypto);
  }

  directive(subject: number, n: number, level: Directive["level"], change: Partial<Directive> = {}) {
    const rest = { reason: "", lowestGeneration: 1, issuedAt: this.now };
    const version = [this.terms.directive, n] as const;
    return this.seal(Directive, { subject, version, level, ...rest, ...change }, "hold");
  }

  release(subject: number, n: number, level: Release["level"], change: Partial<Release> = {}) {
    const value = { subject, version: [this.terms.directive, n], level, issuedAt: this.now } as const;
    return this.seal(Release, { ...value, ...change }, "release");
  }

  advisories(n: number, entries: AdvisoryList["entries"], change: Partial<AdvisoryList> = {}) {
    const value = { version: [this.terms.advisory, n], entries, issuedAt: this.now } as const;
    return this.seal(AdvisoryList, { ...value, ...change }, "hold");
  }

  removal(n: number, ids: readonly number[], change: Partial<AdvisoryRemoval> = {}) {
    const value = { version: [this.terms.advisory, n], ids, issuedAt: this.now } as const;
    return this.seal(AdvisoryRemoval, { ...value, ...change }, "release");
  }

  /** @param denied - the numbers; by default nobody, which needs no further data. */
  beacon(epoch: number, change: Partial<Beacon> = {}, denied: readonly number[] = []) {
    const digest = ledgerDigest(denied, new Map(), nodeCrypto);
    const newest = { authority: 1, advisories: NO_VERSION, removals: NO_VERSION, issuedAt: this.now };
    const version = [this.terms.ledger, epoch] as const;
    return this.seal(Beacon, { version, denied: denied.length, digest, ...newest, ...change }, "ledger");
  }

  /** The whole ledger of `denied`, or the part of it that was asked for. */
  ledgerPart({ to, offset, maxPartBytes }: LedgerRequest): Uint8Array {
    const content = encodeContent({ denied: this.denied, generations: new Map() });
    const bytes = content.slice(offset, offset + maxPartBytes);
    return encodeFrame(LedgerPart, { to, size: content.length, offset, bytes });
  }

  time(nonce: Uint8Array, change: Partial<Time> = {}) {
    return this.seal(Time, { nonce, time: [this.terms.time, this.now], ...change }, "lease");
  }

  /** What a device that asked so has reached. */
  required({ holds }: Pick<SyncRequest, "holds">): RequiredVector {
    return {
      authority: holds.authority.version,
      ledger: holds.ledger?.version ?? NO_VERSION,
      advisories: holds.advisories?.version ?? NO_VERSION,
      removals: holds.removals?.version ?? NO_VERSION,
      directive: holds.directive?.version ?? NO_VERSION,
      release: holds.release?.version ?? NO_VERSION,
      level: "none",
    };
  }

  /** By default one that counts for a device that asked so, with a token that follows on the one that it showed. */
  lease(request: Pick<SyncRequest, "subject" | "nonce" | "holds" | "token">, change: Partial<Lease> = {}) {
    const { subject, nonce, token: { n: after } = { n: 0 } } = request;
    const token = { n: after + 1, after, seal: entropy(8) };
    const required = this.required(request);
    const time = [this.terms.time, this.now] as const;
    const terms = { time, goodUntil: this.now + LEASE_SECONDS, nextSyncSeconds: DAY };
    return this.seal(Lease, { subject, nonce, ...terms, required, token, ...change }, "lease");
  }

  syncReply(request: SyncRequest, documents: readonly Uint8Array[] = [], lease = this.lease(request)) {
    return encodeFrame(SyncReply, { nonce: request.nonce, lease, documents });
  }
}
