/**
 * Who connects in the connect bench, and what they meet: 200 devices with an LDevID each and one server
 * certificate, the same keys and bytes in every process that asks, so nothing is handed around.
 */
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import type { CertificateTrust } from "../../protocol/x509/trust.js";
import { testFleet, testKey, type Member } from "../x509/helpers.js";

/** A key and its chain, leaf first, as TLS wants them: PEM. */
export interface Pass {
  readonly key: string;
  readonly cert: string;
}

export interface DevicePass extends Pass {
  readonly number: number;
}

/** Enough that neither end can live on what it remembers of one peer. */
export const CROWD = 200;
const FIRST_NUMBER = 1_000;
/** Real servers look at these dates; the test fleet's own certificates begin later. */
const VALID = {
  notBeforeSeconds: Date.UTC(2026, 0, 1) / 1000,
  notAfterSeconds: Date.UTC(2049, 0, 1) / 1000,
} as const;

// noble's signatures are deterministic, node's are not: every process must make the same certificates.
const fleet = testFleet("ES256", nobleCrypto);
const deviceCa = fleet.member("device CA", { profile: "issuing-ca" }, fleet.root, VALID);
const serviceCa = fleet.member("service CA", { profile: "issuing-ca" }, fleet.root, VALID);

/** For our own verifier. */
export const trust: CertificateTrust = {
  fleetId: fleet.fleetId,
  roots: [fleet.root.certificate],
  issuers: [
    { purpose: "device", certificate: deviceCa.certificate },
    { purpose: "service", certificate: serviceCa.certificate },
  ],
};

/** For OpenSSL's: root and device CA, PEM. */
export const clientCas = certificatesToPem(fleet.root.certificate, deviceCa.certificate);

export const numbers: readonly number[] = Array.from({ length: CROWD }, (_, i) => FIRST_NUMBER + i);

/** Each shows its LDevID alone, as the shipped device does: every server here knows the CA. */
export function devicePasses(): readonly DevicePass[] {
  return numbers.map((number) => {
    const label = String(number);
    const leaf = fleet.member(label, { profile: "ldevid", ...fleet.holder(number, 1) }, deviceCa, VALID);
    return { number, ...pass(label, leaf) };
  });
}

/** As a gateway's: one leaf of the service CA. */
export function serverPass(): Pass {
  const hosts = ["localhost", "127.0.0.1"];
  const leaf = fleet.member(
    "bench server",
    { profile: "gateway", ...fleet.holder(1), hosts },
    serviceCa,
    VALID,
  );
  return pass("bench server", leaf);
}

function pass(label: string, ...chain: readonly Member[]): Pass {
  const key = privateKeyObject(testKey("ES256", `fleet ${label}`, nobleCrypto));
  return {
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: certificatesToPem(...chain.map(({ certificate }) => certificate)),
  };
}
