/**
 * A fleet that is nothing but its keys: founded by the real ceremony, it bears devices with real papers,
 * signs whatever a test asks for, and answers a device's questions the way the service does.
 */
import { randomBytes } from "node:crypto";
import { caName, foundFleet } from "../../fleet/ceremony.js";
import { FLEET_KEY_NAMES, type FleetKeyName, type FleetKeys } from "../../fleet/fleet-keys.js";
import { drawUpPapers, type StationIdentity } from "../../fleet/station/births.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import type { DeviceRecord } from "../../device/record.js";
import type { KeyStore } from "../../device/ports.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Authority, fleetIdOf, openFirstAuthority, type Trust } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { CertificateReply, EnrollRequest, RenewRequest, ReturnRequest } from "../../protocol/certify.js";
import type { Algorithm, PublicKey, Signer } from "../../protocol/crypto.js";
import { Directive } from "../../protocol/directive.js";
import { looksSigned, openEnvelope, type Opened, parseEnvelope, sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { Lease } from "../../protocol/lease.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncReply, SyncRequest } from "../../protocol/sync.js";
import { Time, TimeRequest } from "../../protocol/time.js";
import { NO_VERSION } from "../../protocol/version.js";
import { issueCertificate, newSerial } from "../../protocol/x509/certificate.js";
import type { Identity } from "../../protocol/x509/profiles.js";

export const entropy = (size: number): Uint8Array => new Uint8Array(randomBytes(size));
export const DAY = 86_400;
/** Fleet time at which every test begins, Unix seconds. */
export const START = Date.UTC(2027, 0, 1) / 1000;
export const LEASE_SECONDS = 7 * DAY;
export const LDEVID_SECONDS = 30 * DAY;

/** A key whose private half stays in this closure. */
export function softSigner(algorithm: Algorithm = "ES256"): Signer {
  const key = nodeCrypto.generate(algorithm, entropy);
  return { publicKey: nodeCrypto.publicKey(key), sign: (message) => nodeCrypto.sign(key, message) };
}

/** What a device can ask, opened with the key that must have signed it. */
export type Asked =
  | { readonly name: "time"; readonly value: TimeRequest }
  | { readonly name: "sync"; readonly value: SyncRequest }
  | { readonly name: "receipt"; readonly value: Receipt }
  | { readonly name: "enroll" | "renew" | "return"; readonly value: RenewRequest };

export class Owner {
  readonly keys: FleetKeys;
  readonly trust: Trust;
  /** Fleet time, Unix seconds. */
  now = START;
  readonly #station: StationIdentity;
  #births = 0;
  #last: Uint8Array | undefined;

  /** @param freshness - what a lease that ran out does; by default what the ceremony sets. */
  constructor(freshness?: Authority["freshness"]) {
    this.keys = Object.fromEntries(FLEET_KEY_NAMES.map((name) => [name, softSigner()])) as unknown as FleetKeys;
    const founded = foundFleet("owner", { keys: this.keys, crypto: nodeCrypto, entropy, now: START - DAY });
    this.trust = freshness ? this.#with({ ...founded.authority.value, freshness }) : founded;
    const { station, factory } = this.keys;
    const certificate = this.certify({ profile: "station", holder: this.holder(900) }, station.publicKey, "factory-ca");
    this.#station = { trust: this.trust, certificate, station, factory, crypto: nodeCrypto, entropy };
  }

  #with(authority: Authority): Trust {
    const fleetId = fleetIdOf(Authority.encode(authority), nodeCrypto);
    return openFirstAuthority(sealEnvelope(Authority, authority, this.keys.root, fleetId, nodeCrypto), nodeCrypto);
  }

  holder(number: number, generation = 0) {
    return { fleetId: this.trust.fleetId, number, generation };
  }

  /** DER of a certificate by one of the fleet's own CAs. `dates`: Unix seconds. */
  certify(
    identity: Identity,
    publicKey: PublicKey,
    ca: Extract<FleetKeyName, `${string}-ca`>,
    [notBeforeSeconds, notAfterSeconds]: readonly [number, number] = [START - DAY, Date.UTC(9999, 11, 31, 23, 59, 59) / 1000],
  ): Uint8Array {
    const subject = { commonName: "a holder", organization: "owner" };
    const request = { ...identity, serial: newSerial(entropy), subject, publicKey, notBeforeSeconds, notAfterSeconds };
    return issueCertificate(request, { name: caName("owner", ca), signer: this.keys[ca] }, nodeCrypto);
  }

  /** DER, leaf first. */
  ldevid(number: number, publicKey: PublicKey, [from, until] = [this.now - 300, this.now + LDEVID_SECONDS]) {
    const { issuers } = this.trust.authority.value;
    const ca = issuers.find(({ purpose }) => purpose === "device");
    if (!ca) throw new Error("the ceremony makes one");
    const identity = { profile: "ldevid", holder: this.holder(number, 1) } as const;
    return [this.certify(identity, publicKey, "device-ca", [from ?? 0, until ?? 0]), ca.certificate];
  }

  /** A gateway's certificate chain, or that of another holder in its place. */
  server(publicKey: PublicKey, profile: "gateway" | "service" = "gateway", dates?: readonly [number, number]) {
    const { issuers } = this.trust.authority.value;
    const ca = issuers.find(({ purpose }) => purpose === "service");
    if (!ca) throw new Error("the ceremony makes one");
    const hosts = ["localhost", "127.0.0.1"];
    const holder = this.holder(901);
    const identity = profile === "gateway" ? { profile, holder, hosts } : { profile, holder };
    return [this.certify(identity, publicKey, "service-ca", dates ?? [START - DAY, START + 3650 * DAY]), ca.certificate];
  }

  /** The papers of a new device, as a station draws them up. */
  papers(number: number, hardwareId: Uint8Array, publicKey: PublicKey) {
    const index = this.#births++;
    const previous = this.#last ? { previous: this.#last } : {};
    const birth = { number, hardwareId, model: "camera", publicKey, index, bornAt: START - DAY, ...previous };
    const papers = drawUpPapers(birth, this.#station);
    this.#last = papers.record;
    return { ...papers, idevid: [papers.idevid, this.#station.certificate], authority: this.trust.authority.bytes };
  }

  /** A device that was just born, its key in `keys`. */
  async bear(number: number, keys: KeyStore): Promise<DeviceRecord> {
    const hardwareId = utf8(`hw-${number}`);
    const publicKey = await keys.create(IDEVID_KEY, "ES256");
    const { idevid, authority, voucher, record: birth } = this.papers(number, hardwareId, publicKey);
    return {
      number,
      hardwareId,
      model: "camera",
      fleetId: this.trust.fleetId,
      ...{ idevid, authority, voucher, birth },
      holds: [],
      alarms: [],
      lastAlarmId: 0,
      signedSeconds: 0,
      poweredSeconds: 0,
      receiptCounter: 0,
      keyCounter: 0,
    };
  }

  seal<T>(message: Message<T>, value: T, key: FleetKeyName): Uint8Array {
    return sealEnvelope(message, value, this.keys[key], this.trust.fleetId, nodeCrypto);
  }

  directive(subject: number, n: number, level: Directive["level"], change: Partial<Directive> = {}): Uint8Array {
    const rest = { reason: "", lowestGeneration: 1, issuedAt: this.now };
    return this.seal(Directive, { subject, version: [1, n], level, ...rest, ...change }, "hold");
  }

  release(subject: number, n: number, level: Release["level"], change: Partial<Release> = {}): Uint8Array {
    return this.seal(Release, { subject, version: [1, n], level, issuedAt: this.now, ...change }, "release");
  }

  beacon(epoch: number, change: Partial<Beacon> = {}): Uint8Array {
    const rest = { denied: 0, digest: new Uint8Array(32), authority: 1, issuedAt: this.now };
    return this.seal(Beacon, { version: [1, epoch], ...rest, ...change }, "ledger");
  }

  time(nonce: Uint8Array, change: Partial<Time> = {}): Uint8Array {
    return this.seal(Time, { nonce, time: [1, this.now], ...change }, "lease");
  }

  /** By default one that counts: it demands exactly what the device says it holds. */
  lease({ subject, nonce, holds }: Pick<SyncRequest, "subject" | "nonce" | "holds">, change: Partial<Lease> = {}) {
    const required = {
      authority: 1,
      ledger: holds.ledger?.version ?? NO_VERSION,
      directive: holds.directive?.version ?? NO_VERSION,
      release: holds.release?.version ?? NO_VERSION,
      level: "none",
    } as const;
    const time = [1, this.now] as const;
    const value = { subject, nonce, time, goodUntil: this.now + LEASE_SECONDS, nextSyncSeconds: DAY, required };
    return this.seal(Lease, { ...value, ...change }, "lease");
  }

  syncReply(request: SyncRequest, documents: readonly Uint8Array[] = [], lease = this.lease(request)): Uint8Array {
    return encodeFrame(SyncReply, { nonce: request.nonce, lease, documents: [...documents] });
  }

  /** Reads a device's question. @param by - keys that may have signed it. @throws ProtocolError */
  read(bytes: Uint8Array, by: readonly PublicKey[]): Asked {
    if (!looksSigned(bytes)) return { name: "time", value: decodeFrame(TimeRequest, bytes) };
    const open = <T>(message: Message<T>): Opened<T> =>
      openEnvelope(message, bytes, by, this.trust.fleetId, nodeCrypto);
    switch (parseEnvelope(bytes).type) {
      case SyncRequest.type:
        return { name: "sync", value: open(SyncRequest).value };
      case Receipt.type:
        return { name: "receipt", value: open(Receipt).value };
      case EnrollRequest.type:
        return { name: "enroll", value: open(EnrollRequest).value };
      case RenewRequest.type:
        return { name: "renew", value: open(RenewRequest).value };
      default:
        return { name: "return", value: open(ReturnRequest).value };
    }
  }

  /** What a fleet that has nothing against the device says. A receipt has no answer. */
  answer(asked: Asked): Uint8Array | undefined {
    switch (asked.name) {
      case "time":
        return this.time(asked.value.nonce);
      case "sync":
        return this.syncReply(asked.value);
      case "receipt":
        return undefined;
      default: {
        const { subject, nonce, publicKey } = asked.value;
        return encodeFrame(CertificateReply, { nonce, ldevid: this.ldevid(subject, publicKey), documents: [] });
      }
    }
  }
}

/** For messages that hold bytes. */
export const hex = toHex;
