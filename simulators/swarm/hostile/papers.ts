/** Keys and certificates that look like a device's, and that no Authority of the fleet stands behind. */
import { randomBytes } from "node:crypto";
import { nodeCrypto, privateKeyObject } from "../../../protocol/adapters/node-crypto.js";
import { fromHex } from "../../../protocol/bytes.js";
import type { PrivateKey } from "../../../protocol/crypto.js";
import { issueCertificate, newSerial, type Issuer } from "../../../protocol/x509/certificate.js";
import { certificatesToPem } from "../../../protocol/x509/pem.js";
import type { Identity } from "../../../protocol/x509/profiles.js";

/** PEM, as TLS wants it. */
export interface Papers {
  readonly key: string;
  readonly cert: string;
}

const DAY_SECONDS = 86_400;
const LIFE_DAYS = 30;
const entropy = (size: number) => new Uint8Array(randomBytes(size));
const name = { commonName: "device" };

/** An LDevID with the right names in it, that its own key has signed. */
export function selfSigned(fleetId: string, number: number, nowSeconds: number): Papers {
  const key = nodeCrypto.generate("ES256", entropy);
  return papers(key, issue(ldevid(fleetId, number), key, signedBy(key), nowSeconds));
}

/** The same, from a CA that the fleet has never heard of, which is shown beside it. */
export function ofAnotherCa(fleetId: string, number: number, nowSeconds: number): Papers {
  const [caKey, key] = [nodeCrypto.generate("ES256", entropy), nodeCrypto.generate("ES256", entropy)];
  const ca = issue({ profile: "issuing-ca" }, caKey, signedBy(caKey), nowSeconds);
  return papers(key, issue(ldevid(fleetId, number), key, signedBy(caKey), nowSeconds), ca);
}

function ldevid(fleetId: string, number: number): Identity {
  return { profile: "ldevid", holder: { fleetId: fromHex(fleetId), number, generation: 1 } };
}

function signedBy(key: PrivateKey): Issuer {
  const signer = {
    publicKey: nodeCrypto.publicKey(key),
    sign: (bytes: Uint8Array) => nodeCrypto.sign(key, bytes),
  };
  return { name, signer };
}

function issue(identity: Identity, key: PrivateKey, issuer: Issuer, nowSeconds: number): Uint8Array {
  const request = {
    ...identity,
    serial: newSerial(entropy),
    subject: name,
    publicKey: nodeCrypto.publicKey(key),
    notBeforeSeconds: nowSeconds - DAY_SECONDS,
    notAfterSeconds: nowSeconds + LIFE_DAYS * DAY_SECONDS,
  };
  return issueCertificate(request, issuer, nodeCrypto);
}

function papers(key: PrivateKey, ...chain: readonly Uint8Array[]): Papers {
  const pem = privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString();
  return { key: pem, cert: certificatesToPem(...chain) };
}
