import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import {
  decodeCertificate,
  issueCertificate,
  keyIdOf,
  newSerial,
  type CertificateRequest,
} from "../../protocol/x509/certificate.js";
import { MAX_DER_BYTES } from "../../protocol/x509/der.js";
import { MAX_HOSTS } from "../../protocol/x509/holder.js";
import { NEVER_EXPIRES_SECONDS } from "../../protocol/x509/time.js";
import { DAY, ISSUED, testFleet, testSigner, type Member } from "./helpers.js";

const fleet = testFleet("ES256");

describe.each(["ES256", "Ed25519"] as const)("%s", (algorithm) => {
  const members = Object.entries(testFleet(algorithm).members);

  test.each(members)("%s: what was issued is what is decoded", (_, { certificate, name, signer }) => {
    const { fields, ...rest } = decodeCertificate(certificate);
    expect(rest.algorithm).toBe(algorithm);
    expect(fields.subject).toEqual(name);
    expect(fields.publicKey).toEqual(signer.publicKey);
    expect(fields.subjectKeyId).toEqual(keyIdOf(signer.publicKey, nodeCrypto));
  });

  test("300 signatures of every shape survive the way to DER and back", () => {
    const member = testFleet(algorithm).ldevid;
    const { fields } = decodeCertificate(member.certificate);
    for (let i = 0; i < 300; i++) {
      // Leading zeros of r and s, and high bits, come about once in 256 and every second time.
      const signature = nodeCrypto.sha256(Uint8Array.of(i, i >> 8));
      const raw = Uint8Array.from([...signature, ...signature.toReversed()]).fill(0, 0, i % 3);
      const signer = { publicKey: member.signer.publicKey, sign: () => raw };
      const der = issueCertificate(fields, { name: fields.issuer, signer }, nodeCrypto);
      expect(decodeCertificate(der).signature).toEqual(raw);
    }
  });
});

test("the fields of an LDevID", () => {
  const { fields } = decodeCertificate(fleet.ldevid.certificate);
  expect(fields).toMatchObject({
    profile: "ldevid",
    holder: { fleetId: fleet.fleetId, number: 4711, generation: 1 },
    issuer: fleet.deviceCa.name,
    subject: { commonName: "4711", organization: "Tidewater" },
    notBeforeSeconds: ISSUED,
    notAfterSeconds: ISSUED + 30 * DAY - 1,
    authorityKeyId: keyIdOf(fleet.deviceCa.signer.publicKey, nodeCrypto),
  });
  expect(fields.serial).toHaveLength(16);
});

test("a gateway's hosts, with IPv6 written out", () => {
  const hosts = ["a.example", "::1", "10.0.0.1", "2001:db8::f0:0", "fe80::"];
  const { certificate } = fleet.member("g", { profile: "gateway", ...fleet.holder(1), hosts });
  expect(decodeCertificate(certificate).fields).toMatchObject({
    hosts: ["a.example", "0:0:0:0:0:0:0:1", "10.0.0.1", "2001:db8:0:0:0:0:f0:0", "fe80:0:0:0:0:0:0:0"],
  });
});

test("deterministic keys give the same certificates in every run and from both adapters", () => {
  const one = testFleet("Ed25519", nodeCrypto).gateway.certificate;
  expect(testFleet("Ed25519", nobleCrypto).gateway.certificate).toEqual(one);
});

test("every serial is positive and 16 bytes long", () => {
  expect(newSerial((size) => new Uint8Array(size))[0]).toBe(0x40);
  expect(newSerial((size) => new Uint8Array(size).fill(0xff))[0]).toBe(0x7f);
});

test("the bounds: the largest certificates fit a message (1,024 bytes), a gateway's our DER reader", () => {
  const longest = "\u{1f6a2}".repeat(16); // 64 bytes of UTF-8
  const name = { commonName: longest, organization: longest, serialNumber: "N".repeat(64) };
  const issuer = { ...fleet.serviceCa, name };
  const holder = { fleetId: fleet.fleetId, number: 0xffff_ffff, generation: 0xffff_ffff };
  const size = (member: Member) => member.certificate.length;
  expect(size(fleet.member("x", { profile: "ldevid", holder }, issuer, { name }))).toBeLessThanOrEqual(1024);
  const host = Array.from({ length: 4 }, () => "h".repeat(63))
    .join(".")
    .slice(0, 253);
  const gateway = {
    profile: "gateway",
    holder: { ...holder, generation: 0 },
    hosts: Array.from({ length: MAX_HOSTS }, () => host),
  } as const;
  const largest = fleet.member("x", gateway, issuer, { name });
  expect(size(largest)).toBeLessThanOrEqual(MAX_DER_BYTES);
  expect(decodeCertificate(largest.certificate).fields).toMatchObject({ hosts: gateway.hosts });
});

describe("what a profile does not allow is not issued", () => {
  const ldevid = decodeCertificate(fleet.ldevid.certificate).fields;
  const idevid = decodeCertificate(fleet.idevid.certificate).fields;
  const gateway = decodeCertificate(fleet.gateway.certificate).fields;
  const issue = (request: CertificateRequest) =>
    issueCertificate(request, { name: ldevid.issuer, signer: testSigner("ES256", "any") }, nodeCrypto);
  const holder = fleet.holder(4711, 1).holder;
  const named = (subject: object) => ({ ...ldevid, subject: { commonName: "x", ...subject } });
  const hosted = (...hosts: string[]) => ({ ...gateway, hosts }) as CertificateRequest;

  test("while the originals are", () => {
    for (const request of [ldevid, idevid, gateway]) expect(() => issue(request)).not.toThrow();
  });

  test.each<[string, CertificateRequest]>([
    ["LDevID of generation 0", { ...ldevid, profile: "ldevid", holder: { ...holder, generation: 0 } }],
    ["IDevID of generation 1", { ...idevid, profile: "idevid", holder }],
    ["service of generation 1", { ...ldevid, profile: "service", holder }],
    ["LDevID that never ends", { ...ldevid, notAfterSeconds: NEVER_EXPIRES_SECONDS }],
    ["IDevID that ends", { ...idevid, notAfterSeconds: ISSUED + DAY }],
    ["root that ends", { ...ldevid, profile: "root" }],
    ["end before begin", { ...ldevid, notAfterSeconds: ISSUED - 1 }],
    ["IDevID without serialNumber", { ...idevid, subject: { commonName: "x" } }],
    ["number beyond 32 bit", { ...ldevid, profile: "ldevid", holder: { ...holder, number: 2 ** 32 } }],
    ["number that is no integer", { ...ldevid, profile: "ldevid", holder: { ...holder, number: 0.5 } }],
    [
      "fleet id of 15 bytes",
      { ...ldevid, profile: "ldevid", holder: { ...holder, fleetId: new Uint8Array(15) } },
    ],
    ["serial of 15 bytes", { ...ldevid, serial: new Uint8Array(15).fill(1) }],
    ["negative serial", { ...ldevid, serial: new Uint8Array(16).fill(0x80) }],
    ["serial that begins with zero", { ...ldevid, serial: new Uint8Array(16) }],
    ["empty common name", named({ commonName: "" })],
    ["common name of 65 bytes", named({ commonName: "n".repeat(65) })],
    ["line break in a name", named({ organization: "a\nb" })],
    ["lone surrogate in a name", named({ organization: "\ud800" })],
    ["serialNumber outside PrintableString", named({ serialNumber: "a_b" })],
    ["gateway without hosts", hosted()],
    ["gateway with too many hosts", hosted(...Array.from({ length: MAX_HOSTS + 1 }, () => "a.example"))],
    ["host with a wildcard", hosted("*.example")],
    ["host with an underscore", hosted("a_b.example")],
    ["IPv4 address beyond 255", hosted("10.0.0.256")],
    ["IPv4 address with a leading zero", hosted("010.0.0.1")],
    ["IPv6 address with two gaps", hosted("1::2::3")],
    ["IPv6 address of nine groups", hosted("1:2:3:4:5:6:7:8:9")],
    ["IPv6 address of seven groups", hosted("1:2:3:4:5:6:7")],
    ["IPv6 group of five digits", hosted("::12345")],
  ])("%s", (_, request) => {
    expect(() => issue(request)).toThrow(expect.objectContaining({ code: "out-of-range" }));
  });
});
