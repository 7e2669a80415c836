/**
 * One comparison against the re-encoding holds the profiles closed. Each case here is a certificate that
 * the right CA signed, with one thing in it that the profile does not have.
 */
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { signatureAlgorithm } from "../../protocol/x509/algorithms.js";
import { decodeCertificate, issueCertificate } from "../../protocol/x509/certificate.js";
import { context, der, oid, TAG, unsignedInteger } from "../../protocol/x509/der.js";
import { NEVER_EXPIRES_SECONDS } from "../../protocol/x509/time.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { children, forge, withLongLength, write, type Part, type TbsParts } from "./forge.js";
import { NOW, testFleet } from "./helpers.js";

const fleet = testFleet("ES256");
const URI = context(6);
const DNS = context(2);
const TRUE = der(TAG.boolean, Uint8Array.of(0xff));
const FALSE = der(TAG.boolean, Uint8Array.of(0));

/** Positions in TbsParts.extensions of an end entity. */
const [BASIC, USAGE, EXTENDED, NAMES, SUBJECT_KEY, AUTHORITY_KEY] = [0, 1, 2, 3, 4, 5];

const uri = (text: string) => der(URI, utf8(text));
const extension = (id: string, ...rest: Uint8Array[]) =>
  der(TAG.sequence, oid(id), ...rest.slice(0, -1), der(TAG.octetString, rest.at(-1) ?? new Uint8Array()));
const names = (...list: Uint8Array[]) => extension("2.5.29.17", der(TAG.sequence, ...list));
const ours = (path: string) => `spiffe://${toHex(fleet.fleetId)}/${path}`;
const at = (list: Part[], index: number): Part => list[index] as Part;

/** Replaces the element at a path of positions below the TBS part. */
function replace(part: Part, path: readonly number[], change: (old: Uint8Array) => Part): void {
  const [index = 0, ...deeper] = path;
  const list = children(part);
  if (deeper.length > 0) replace(at(list, index), deeper, change);
  else list[index] = change(write(at(list, index)));
}

/** Puts `extension` in the place of the one at `index`. */
const put = (index: number, replacement: Uint8Array) => (tbs: TbsParts) => {
  tbs.extensions[index] = replacement;
};
const ending = (tag: number, text: string) => (tbs: TbsParts) =>
  replace(tbs.validity, [1], () => der(tag, utf8(text)));
const edited = (edit: (tbs: TbsParts) => void) =>
  forge(fleet.ldevid.certificate, fleet.deviceCa.signer, edit);
const verify = (...chain: Uint8Array[]) => verifyChain(chain, fleet.trust, NOW, nodeCrypto);
const badCertificate = expect.objectContaining({ code: "bad-certificate" });

test("taken apart and put together again, a certificate still verifies", () => {
  expect(verify(edited(() => undefined)).profile).toBe("ldevid");
  const same = forge(fleet.idevid.certificate, fleet.station.signer, () => undefined);
  expect(verify(same, fleet.station.certificate).profile).toBe("idevid");
});

describe("an LDevID that its CA signed is refused with", () => {
  test.each<[string, (tbs: TbsParts) => void]>([
    [
      "one more extension",
      (tbs) => tbs.extensions.push(extension("1.3.6.1.4.1.99999.1", Uint8Array.of(5, 0))),
    ],
    [
      "one more critical extension",
      (tbs) => tbs.extensions.push(extension("2.5.29.54", TRUE, der(TAG.integer, Uint8Array.of(0)))),
    ],
    ["an extension twice", (tbs) => tbs.extensions.push(at(tbs.extensions, USAGE))],
    ["extensions in another order", (tbs) => tbs.extensions.reverse()],
    ["basicConstraints not critical", (tbs) => children(at(tbs.extensions, BASIC)).splice(1, 1)],
    ["keyUsage not critical", (tbs) => children(at(tbs.extensions, USAGE)).splice(1, 1)],
    [
      "keyUsage critical: FALSE, written out",
      (tbs) => children(at(tbs.extensions, USAGE)).splice(1, 1, FALSE),
    ],
    ["a critical subjectAltName", (tbs) => children(at(tbs.extensions, NAMES)).splice(1, 0, TRUE)],
    [
      "critical written as 0x01",
      (tbs) => children(at(tbs.extensions, USAGE)).splice(1, 1, der(TAG.boolean, Uint8Array.of(1))),
    ],
    ["no basicConstraints", (tbs) => tbs.extensions.splice(BASIC, 1)],
    ["no keyUsage", (tbs) => tbs.extensions.splice(USAGE, 1)],
    ["no extendedKeyUsage", (tbs) => tbs.extensions.splice(EXTENDED, 1)],
    ["no subjectAltName", (tbs) => tbs.extensions.splice(NAMES, 1)],
    ["no subject key id", (tbs) => tbs.extensions.splice(SUBJECT_KEY, 1)],
    ["no authority key id", (tbs) => tbs.extensions.splice(AUTHORITY_KEY, 1)],
    ["no extensions", (tbs) => tbs.extensions.splice(0)],
    ["CA: TRUE", put(BASIC, extension("2.5.29.19", TRUE, der(TAG.sequence, TRUE)))],
    ["CA: FALSE, written out", put(BASIC, extension("2.5.29.19", TRUE, der(TAG.sequence, FALSE)))],
    ["keyCertSign", put(USAGE, extension("2.5.29.15", TRUE, der(TAG.bitString, Uint8Array.of(2, 0x84))))],
    [
      "keyUsage with unused bits",
      put(USAGE, extension("2.5.29.15", TRUE, der(TAG.bitString, Uint8Array.of(0, 0x80)))),
    ],
    [
      "serverAuth beside clientAuth",
      put(
        EXTENDED,
        extension("2.5.29.37", der(TAG.sequence, oid("1.3.6.1.5.5.7.3.2"), oid("1.3.6.1.5.5.7.3.1"))),
      ),
    ],
    [
      "serverAuth instead of clientAuth",
      put(EXTENDED, extension("2.5.29.37", der(TAG.sequence, oid("1.3.6.1.5.5.7.3.1")))),
    ],
    ["two URIs", put(NAMES, names(uri(ours("device/4711/1")), uri(ours("device/1/1"))))],
    ["a DNS name beside its URI", put(NAMES, names(uri(ours("device/4711/1")), der(DNS, utf8("a.example"))))],
    ["a DNS name instead of its URI", put(NAMES, names(der(DNS, utf8("a.example"))))],
    ["no name in subjectAltName", put(NAMES, names())],
    [
      "something behind subjectAltName",
      put(
        NAMES,
        extension("2.5.29.17", new Uint8Array([...der(TAG.sequence, uri(ours("device/4711/1"))), 5, 0])),
      ),
    ],
    [
      "a key id that is no hash of the key",
      put(SUBJECT_KEY, extension("2.5.29.14", der(TAG.octetString, new Uint8Array(20)))),
    ],
    ["a key on another curve", (tbs) => replace(tbs.publicKey, [0, 1], () => oid("1.3.132.0.10"))],
    ["another algorithm inside than outside", (tbs) => (tbs.algorithm = signatureAlgorithm("Ed25519"))],
    ["ecdsa-with-SHA384", (tbs) => (tbs.algorithm = der(TAG.sequence, oid("1.2.840.10045.4.3.3")))],
    [
      "algorithm parameters NULL",
      (tbs) => (tbs.algorithm = der(TAG.sequence, oid("1.2.840.10045.4.3.2"), der(0x05))),
    ],
    ["version 1", (tbs) => (tbs.version = der(0xa0, der(TAG.integer, Uint8Array.of(0))))],
    ["a negative serial", (tbs) => (tbs.serial = der(TAG.integer, new Uint8Array(16).fill(0x80)))],
    ["serial zero", (tbs) => (tbs.serial = der(TAG.integer, Uint8Array.of(0)))],
    ["a serial of 20 bytes", (tbs) => (tbs.serial = unsignedInteger(new Uint8Array(20).fill(0x7f)))],
    [
      "a serial with a zero in front",
      (tbs) => (tbs.serial = der(TAG.integer, Uint8Array.of(0), new Uint8Array(15).fill(1))),
    ],
    ["a length in long form", (tbs) => (tbs.serial = withLongLength(write(tbs.serial)))],
    ["another long form, deeper", (tbs) => replace(tbs.subject, [0, 0, 1], withLongLength)],
    ["an end that does not exist", ending(TAG.utcTime, "270231000000Z")],
    ["a month that does not exist", ending(TAG.utcTime, "271301000000Z")],
    ["GeneralizedTime before 2050", ending(TAG.generalizedTime, "20270130235959Z")],
    ["a date without seconds", ending(TAG.utcTime, "2701302359Z")],
    ["a date with a time zone", ending(TAG.utcTime, "270130235959+0100")],
    ["fractions of a second", ending(TAG.generalizedTime, "20510130235959.5Z")],
    ["an end before its beginning", (tbs) => children(tbs.validity).reverse()],
    ["no end at all", ending(TAG.generalizedTime, "99991231235959Z")],
    ["a third date", (tbs) => children(tbs.validity).push(der(TAG.utcTime, utf8("270130235959Z")))],
    [
      "a name as PrintableString",
      (tbs) => replace(tbs.subject, [1, 0, 1], () => der(TAG.printableString, utf8("4711"))),
    ],
    [
      "a name that is not UTF-8",
      (tbs) => replace(tbs.subject, [1, 0, 1], () => der(TAG.utf8String, Uint8Array.of(0xc0, 0x80))),
    ],
    [
      "a line break in its name",
      (tbs) => replace(tbs.subject, [1, 0, 1], () => der(TAG.utf8String, utf8("a\nb"))),
    ],
    ["names in another order", (tbs) => children(tbs.subject).reverse()],
    ["a second common name", (tbs) => children(tbs.subject).push(at(children(tbs.subject), 1))],
    ["an attribute that we do not use", (tbs) => replace(tbs.subject, [0, 0, 0], () => oid("2.5.4.11"))],
    ["an empty subject", (tbs) => children(tbs.subject).splice(0)],
    ["another issuer name than its CA's", (tbs) => (tbs.issuer = tbs.subject)],
    ["something behind the extensions", (tbs) => tbs.rest.push(der(0x05))],
  ])("%s", (_, edit) => {
    expect(() => verify(edited(edit))).toThrow(badCertificate);
  });

  test.each([
    ["generation 0", ours("device/4711/0")],
    ["no generation", ours("device/4711")],
    ["a zero before its number", ours("device/04711/1")],
    ["a zero before its generation", ours("device/4711/01")],
    ["a number beyond 32 bit", ours("device/4294967296/1")],
    ["a negative number", ours("device/-1/1")],
    ["no number", ours("device//1")],
    ["a number in hex", ours("device/0x10/1")],
    ["a slash at its end", ours("device/4711/1/")],
    ["a query", ours("device/4711/1?x")],
    ["a line break at its end", ours("device/4711/1\n")],
    ["a gateway's path", ours("gateway/1")],
    ["a station's path", ours("station/1")],
    ["an unknown path", ours("printer/1")],
    ["its fleet in capitals", ours("device/4711/1").replace(/[a-f]/g, (digit) => digit.toUpperCase())],
    ["a fleet id that is too short", ours("device/4711/1").replace(/^(spiffe:..)../, "$1")],
    ["another scheme", ours("device/4711/1").replace("spiffe", "https")],
    ["the scheme in capitals", ours("device/4711/1").replace("spiffe", "SPIFFE")],
  ])("a URI with %s", (_, text) => {
    expect(() => verify(edited(put(NAMES, names(uri(text)))))).toThrow(badCertificate);
  });

  test("a URI that is as it should be: the cases above are refused for nothing else", () => {
    const again = edited(put(NAMES, names(uri(ours("device/4294967295/2")))));
    expect(verify(again)).toMatchObject({ number: 0xffff_ffff, generation: 2 });
  });
});

describe("refused as well", () => {
  const idevid = (edit: (tbs: TbsParts) => void) => () =>
    verify(forge(fleet.idevid.certificate, fleet.station.signer, edit), fleet.station.certificate);

  test("an IDevID of generation 1, which makes it an LDevID by a station", () => {
    const edit = put(NAMES, names(uri(ours("device/4711/1"))));
    expect(idevid(edit)).toThrow(badCertificate);
  });

  test("an IDevID that ends", () => {
    const edit = ending(TAG.utcTime, "300101000000Z");
    expect(idevid(edit)).toThrow(badCertificate);
  });

  test("an IDevID without a product serial number", () => {
    expect(idevid((tbs) => children(tbs.subject).pop())).toThrow(badCertificate);
  });

  test("a gateway without hosts", () => {
    const bare = forge(
      fleet.gateway.certificate,
      fleet.serviceCa.signer,
      put(NAMES, names(uri(ours("gateway/1")))),
    );
    expect(() => verify(bare)).toThrow(badCertificate);
  });

  test("a gateway with an address of 5 bytes", () => {
    const odd = forge(
      fleet.gateway.certificate,
      fleet.serviceCa.signer,
      put(NAMES, names(uri(ours("gateway/1")), der(context(7), new Uint8Array(5)))),
    );
    expect(() => verify(odd)).toThrow(badCertificate);
  });

  test("a CA with a path length that no profile has, or with none", () => {
    for (const constraints of [[unsignedInteger(Uint8Array.of(3))], []]) {
      const content = der(TAG.sequence, TRUE, ...constraints);
      const ca = forge(
        fleet.deviceCa.certificate,
        fleet.root.signer,
        put(BASIC, extension("2.5.29.19", TRUE, content)),
      );
      expect(() => decodeCertificate(ca)).toThrow(badCertificate);
    }
  });

  test("an IDevID that names another key of its issuer than the one that signed it", () => {
    const keyIdentifier = der(context(0), new Uint8Array(20));
    const edit = put(AUTHORITY_KEY, extension("2.5.29.35", der(TAG.sequence, keyIdentifier)));
    expect(idevid(edit)).toThrow(badCertificate);
  });

  test("a key id of 19 bytes, before any chain is looked at", () => {
    const edit = put(SUBJECT_KEY, extension("2.5.29.14", der(TAG.octetString, new Uint8Array(19))));
    expect(() => decodeCertificate(edited(edit))).toThrow(badCertificate);
  });

  test.each<[string, PublicKey]>([
    ["of low order", { algorithm: "Ed25519", bytes: new Uint8Array(32).fill(1, 0, 1) }],
    ["off its curve", { algorithm: "ES256", bytes: new Uint8Array(65).fill(4) }],
    ["in compressed form", { algorithm: "ES256", bytes: new Uint8Array(33).fill(2) }],
    ["without bytes", { algorithm: "Ed25519", bytes: new Uint8Array() }],
  ])("a public key %s, with everything else in order", (_, publicKey) => {
    const { fields } = decodeCertificate(fleet.ldevid.certificate);
    const issued = issueCertificate({ ...fields, publicKey }, fleet.deviceCa, nodeCrypto);
    expect(() => verify(issued)).toThrow(badCertificate);
  });

  test("a signature by the right key under the name of another algorithm", () => {
    const { signer } = fleet.deviceCa; // its signatures are ES256, whatever the certificate claims
    const outside = forge(fleet.ldevid.certificate, signer, () => undefined, "Ed25519");
    const swapped = (tbs: TbsParts) => (tbs.algorithm = signatureAlgorithm("Ed25519"));
    const both = forge(fleet.ldevid.certificate, signer, swapped, "Ed25519");
    expect(() => verify(outside)).toThrow(badCertificate);
    expect(decodeCertificate(both).algorithm).toBe("Ed25519");
    expect(() => verify(both)).toThrow(badCertificate);
  });

  test("a CA may end or not; a station may not", () => {
    const forever = { notAfterSeconds: NEVER_EXPIRES_SECONDS };
    const ca = fleet.member("device CA", { profile: "issuing-ca" }, fleet.root, forever);
    expect(decodeCertificate(ca.certificate).fields.notAfterSeconds).toBe(NEVER_EXPIRES_SECONDS);
    const edit = ending(TAG.utcTime, "300101000000Z");
    const station = forge(fleet.station.certificate, fleet.factoryCa.signer, edit);
    expect(() => verify(station)).toThrow(badCertificate);
  });
});
