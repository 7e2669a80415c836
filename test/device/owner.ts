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
import { Authority, fleetIdOf, openFirstAuthority, type Trust } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Algorithm, PublicKey, Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { SyncReply, type SyncRequest } from "../../protocol/sync.js";
import { Time } from "../../protocol/time.js";
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
  readonly keys: FleetKeys;
  readonly trust: Trust;
  /** Fleet time, Unix seconds. */
  now = START;
  readonly #station: StationIdentity;
  #births = 0;
  #last: Uint8Array | undefined;

  /** @param freshness - what a lease that ran out does; by default as the ceremony has it. */
  constructor(freshness?: Authority["freshness"]) {
    const keys = Object.fromEntries(FLEET_KEY_NAMES.map((name) => [name, softSigner()]));
    this.keys = keys as unknown as FleetKeys;
    const founded = foundFleet("owner", { keys: this.keys, crypto: nodeCrypto, entropy, now: START - DAY });
    this.trust = freshness ? this.#signed({ ...founded.authority.value, freshness }) : founded;
    const { station, factory } = this.keys;
    const certificate = this.certify(
      { profile: "station", holder: this.holder(900) },
      station.publicKey,
      "factory",
    );
    this.#station = { trust: this.trust, certificate, station, factory, crypto: nodeCrypto, entropy };
  }

  #signed(authority: Authority): Trust {
    const fleetId = fleetIdOf(Authority.encode(authority), nodeCrypto);
    const bytes = sealEnvelope(Authority, authority, this.keys.root, fleetId, nodeCrypto);
    return openFirstAuthority(bytes, nodeCrypto);
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
    return { ...papers, idevid: chain, authority: this.trust.authority.bytes };
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
    return this.seal(Directive, { subject, version: [1, n], level, ...rest, ...change }, "hold");
  }

  release(subject: number, n: number, level: Release["level"], change: Partial<Release> = {}) {
    const value = { subject, version: [1, n], level, issuedAt: this.now } as const;
    return this.seal(Release, { ...value, ...change }, "release");
  }

  beacon(epoch: number, change: Partial<Beacon> = {}) {
    const rest = { denied: 0, digest: new Uint8Array(32), authority: 1, issuedAt: this.now };
    return this.seal(Beacon, { version: [1, epoch], ...rest, ...change }, "ledger");
  }

  time(nonce: Uint8Array, change: Partial<Time> = {}) {
    return this.seal(Time, { nonce, time: [1, this.now], ...change }, "lease");
  }

  /** By default one that counts for a device that asked so. */
  lease({ subject, nonce, holds }: SyncRequest, change: Partial<Lease> = {}) {
    const required = {
      authority: 1,
      ledger: holds.ledger?.version ?? NO_VERSION,
      directive: holds.directive?.version ?? NO_VERSION,
      release: holds.release?.version ?? NO_VERSION,
      level: "none",
    } as const;
    const time = [1, this.now] as const;
    const terms = { time, goodUntil: this.now + LEASE_SECONDS, nextSyncSeconds: DAY };
    return this.seal(Lease, { subject, nonce, ...terms, required, ...change }, "lease");
  }

  syncReply(request: SyncRequest, documents: readonly Uint8Array[] = [], lease = this.lease(request)) {
    return encodeFrame(SyncReply, { nonce: request.nonce, lease, documents });
  }
}
