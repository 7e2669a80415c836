/** A fleet's certificates, one of each profile, the same bytes in every run for deterministic signatures. */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Algorithm, Crypto, PrivateKey, Signer } from "../../protocol/crypto.js";
import { issueCertificate, newSerial, type Issuer } from "../../protocol/x509/certificate.js";
import type { Name } from "../../protocol/x509/name.js";
import type { Identity } from "../../protocol/x509/profiles.js";
import { NEVER_EXPIRES_SECONDS } from "../../protocol/x509/time.js";
import type { CertificateTrust } from "../../protocol/x509/trust.js";
import type { HolderProfile } from "../../protocol/x509/verify.js";

export const DAY = 86_400;
/** When the operational certificates begin; those that never expire began five years before. */
export const ISSUED = Date.UTC(2027, 0, 1) / 1000;
export const NOW = ISSUED + 10 * DAY;

/** A certificate and the key that goes with it. */
export interface Member extends Issuer {
  readonly certificate: Uint8Array;
}

interface Options {
  readonly name?: Partial<Name>;
  readonly notBeforeSeconds?: number;
  readonly notAfterSeconds?: number;
  readonly algorithm?: Algorithm;
}

const LIFE_DAYS = { "issuing-ca": 1825, ldevid: 30, gateway: 90, service: 90 } as const;

/** The key that every run makes from `label`. */
export function testKey(algorithm: Algorithm, label: string, crypto: Crypto): PrivateKey {
  return { algorithm, secret: crypto.sha256(utf8(`${algorithm} ${label}`)) };
}

export function testSigner(algorithm: Algorithm, label: string, crypto: Crypto = nodeCrypto): Signer {
  const key = testKey(algorithm, label, crypto);
  return { publicKey: crypto.publicKey(key), sign: (message) => crypto.sign(key, message) };
}

/** @param fleet - part of every label: two fleets have no key, serial or fleet id in common. */
export function testFleet(algorithm: Algorithm, crypto: Crypto = nodeCrypto, fleet = "fleet") {
  const fleetId = crypto.sha256(utf8(fleet)).slice(0, 16);

  /** Issues what it is asked to, right or wrong; without an issuer, by itself. */
  function member(label: string, identity: Identity, issuer?: Issuer, options: Options = {}): Member {
    const signer = testSigner(options.algorithm ?? algorithm, `${fleet} ${label}`, crypto);
    const name: Name = { commonName: label, organization: "Tidewater", ...options.name };
    const days = LIFE_DAYS[identity.profile as keyof typeof LIFE_DAYS] as number | undefined;
    const serial = newSerial((size) => crypto.sha256(utf8(`${fleet} serial ${label}`)).subarray(0, size));
    const request = {
      ...identity,
      serial,
      subject: name,
      publicKey: signer.publicKey,
      notBeforeSeconds: options.notBeforeSeconds ?? (days ? ISSUED : ISSUED - 1826 * DAY),
      notAfterSeconds: options.notAfterSeconds ?? (days ? ISSUED + days * DAY - 1 : NEVER_EXPIRES_SECONDS),
    };
    return { name, signer, certificate: issueCertificate(request, issuer ?? { name, signer }, crypto) };
  }
  const holder = (number: number, generation = 0) => ({ holder: { fleetId, number, generation } });

  const root = member("root", { profile: "root" });
  const factoryCa = member("factory CA", { profile: "factory-ca" }, root);
  const deviceCa = member("device CA", { profile: "issuing-ca" }, root);
  const serviceCa = member("service CA", { profile: "issuing-ca" }, root);
  const station = member("station 7", { profile: "station", ...holder(7) }, factoryCa);
  const idevid = member("camera", { profile: "idevid", ...holder(4711) }, station, {
    name: { serialNumber: "TW-000123" },
  });
  const ldevid = member("4711", { profile: "ldevid", ...holder(4711, 1) }, deviceCa);
  const hosts = ["gateway.example", "localhost", "127.0.0.1", "2001:db8:0:0:0:0:0:1"];
  const gateway = member("gateway 1", { profile: "gateway", ...holder(1), hosts }, serviceCa);
  const service = member("observer", { profile: "service", ...holder(2) }, serviceCa);

  const trust: CertificateTrust = {
    fleetId,
    roots: [root.certificate],
    issuers: [
      { purpose: "factory", certificate: factoryCa.certificate },
      { purpose: "device", certificate: deviceCa.certificate },
      { purpose: "service", certificate: serviceCa.certificate },
    ],
  };
  const chains: Record<HolderProfile, Uint8Array[]> = {
    station: [station.certificate],
    idevid: [idevid.certificate, station.certificate],
    ldevid: [ldevid.certificate],
    gateway: [gateway.certificate],
    service: [service.certificate],
  };
  const members = { root, factoryCa, deviceCa, serviceCa, station, idevid, ldevid, gateway, service };
  return { ...members, members, trust, chains, fleetId, member, holder };
}
export type TestFleet = ReturnType<typeof testFleet>;
