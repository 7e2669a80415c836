/** @peculiar/x509, written by others, reads our certificates as we do, and writes the same ones byte for byte. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { beforeAll, describe, expect, test } from "vitest";
import { nodeCrypto, privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { toHex } from "../../protocol/bytes.js";
import type { Algorithm } from "../../protocol/crypto.js";
import { subjectPublicKeyInfo } from "../../protocol/x509/algorithms.js";
import { decodeCertificate } from "../../protocol/x509/certificate.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { DAY, ISSUED, NOW, testFleet, testKey } from "./helpers.js";

const WEB_ALGORITHM = {
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  Ed25519: { name: "Ed25519" },
} as const;

beforeAll(() => x509.cryptoProvider.set(globalThis.crypto));

const issuers = {
  root: "root",
  factoryCa: "root",
  deviceCa: "root",
  serviceCa: "root",
  station: "factoryCa",
  idevid: "station",
  ldevid: "deviceCa",
  gateway: "serviceCa",
  service: "serviceCa",
} as const;
const members = Object.keys(issuers) as (keyof typeof issuers)[];

describe.each(["ES256", "Ed25519"] as const)("%s", (algorithm) => {
  const fleet = testFleet(algorithm);

  test.each(members)("%s: parses, verifies and agrees on the fields", async (name) => {
    const theirs = new x509.X509Certificate(fleet[name].certificate);
    const issuer = new x509.X509Certificate(fleet[issuers[name]].certificate);
    const { fields } = decodeCertificate(fleet[name].certificate);
    const publicKey = await issuer.publicKey.export(WEB_ALGORITHM[algorithm], ["verify"]);
    expect(await theirs.verify({ publicKey, signatureOnly: true })).toBe(true);

    expect(theirs.serialNumber).toBe(toHex(fields.serial));
    expect(theirs.notBefore.getTime()).toBe(fields.notBeforeSeconds * 1000);
    expect(theirs.notAfter.getTime()).toBe(fields.notAfterSeconds * 1000);
    expect(theirs.subjectName.getField("CN")).toEqual([fields.subject.commonName]);
    expect(theirs.issuer).toBe(issuer.subject);
    const keyId = (type: typeof x509.SubjectKeyIdentifierExtension) => theirs.getExtension(type)?.keyId;
    expect(keyId(x509.SubjectKeyIdentifierExtension)).toBe(toHex(fields.subjectKeyId));
    expect(theirs.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(
      toHex(fields.authorityKeyId),
    );
  });

  test.each([
    ["root", 2, []],
    ["factoryCa", 1, []],
    ["deviceCa", 0, []],
    ["station", 0, ["station/7"]],
    ["idevid", undefined, ["device/4711/0"]],
    ["ldevid", undefined, ["device/4711/1"]],
    ["service", undefined, ["service/2"]],
    ["gateway", undefined, ["gateway/1", "gateway.example", "localhost", "127.0.0.1", "2001:db8::1"]],
  ] as const)("%s: path length %s, names %j", (name, pathLength, [path, ...hosts]) => {
    const theirs = new x509.X509Certificate(fleet[name].certificate);
    const basic = theirs.getExtension(x509.BasicConstraintsExtension);
    expect(basic).toMatchObject({ critical: true, ca: pathLength !== undefined });
    expect(basic?.pathLength).toBe(pathLength);
    const listed = theirs.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
    const uri = path ? [`spiffe://${toHex(fleet.fleetId)}/${path}`] : [];
    expect(listed.map(({ value }) => value)).toEqual([...uri, ...hosts]);
  });
});

/** The LDevID of `fleet`, by their generator from the same fields. */
async function theirLdevid(algorithm: Algorithm, more: x509.Extension[] = []): Promise<Uint8Array> {
  const fleet = testFleet(algorithm);
  const { fields } = decodeCertificate(fleet.ldevid.certificate);
  const key = privateKeyObject(testKey(algorithm, "fleet device CA", nodeCrypto));
  const subtle = globalThis.crypto.subtle;
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const name = (commonName: string) =>
    new x509.Name([{ O: [{ utf8String: "Tidewater" }] }, { CN: [{ utf8String: commonName }] }]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: toHex(fields.serial),
    subject: name("4711"),
    issuer: name("device CA"),
    notBefore: new Date(ISSUED * 1000),
    notAfter: new Date((ISSUED + 30 * DAY - 1) * 1000),
    publicKey: new x509.PublicKey(subjectPublicKeyInfo(fields.publicKey)),
    signingKey: await subtle.importKey("pkcs8", pkcs8, WEB_ALGORITHM[algorithm], false, ["sign"]),
    signingAlgorithm: WEB_ALGORITHM[algorithm],
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "url", value: `spiffe://${toHex(fleet.fleetId)}/device/4711/1` },
      ]),
      new x509.SubjectKeyIdentifierExtension(toHex(fields.subjectKeyId)),
      new x509.AuthorityKeyIdentifierExtension(toHex(fields.authorityKeyId)),
      ...more,
    ],
  });
  return new Uint8Array(certificate.rawData);
}

describe("an LDevID from their generator", () => {
  test("is the same as ours, byte for byte", async () => {
    expect(await theirLdevid("Ed25519")).toEqual(testFleet("Ed25519").ldevid.certificate);
    const es256 = decodeCertificate(await theirLdevid("ES256")); // its signature differs in every run
    expect(es256.tbs).toEqual(decodeCertificate(testFleet("ES256").ldevid.certificate).tbs);
  });

  test.each(["ES256", "Ed25519"] as const)(
    "%s: verifies; with one more extension it does not",
    async (alg) => {
      const { trust } = testFleet(alg);
      const extra = new x509.Extension("1.3.6.1.4.1.99999.1", false, Uint8Array.of(5, 0));
      const verify = (der: Uint8Array) => verifyChain([der], trust, NOW, nodeCrypto);
      expect(verify(await theirLdevid(alg)).number).toBe(4711);
      const extended = await theirLdevid(alg, [extra]);
      expect(() => verify(extended)).toThrow(expect.objectContaining({ code: "bad-certificate" }));
    },
  );
});
