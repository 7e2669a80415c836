/** Whom the chain verifier lets pass as whom, and what it refuses: each case is a good chain with one thing wrong. */
import { describe, expect, test } from "vitest";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { concatBytes } from "../../protocol/bytes.js";
import { verifyTrust, type CertificateTrust } from "../../protocol/x509/trust.js";
import { verifyChain, windowAt } from "../../protocol/x509/verify.js";
import { DAY, ISSUED, NOW, testFleet, type Member } from "./helpers.js";

const fleet = testFleet("ES256");
const other = testFleet("ES256", nodeCrypto, "other fleet");
const { root, factoryCa, deviceCa, serviceCa, station, idevid, ldevid, gateway, service, holder } = fleet;
const profile = {
  station: { profile: "station", ...holder(7) },
  idevid: { profile: "idevid", ...holder(4711) },
  ldevid: { profile: "ldevid", ...holder(4711, 1) },
  gateway: { profile: "gateway", ...holder(1), hosts: ["localhost"] },
  service: { profile: "service", ...holder(2) },
} as const;
const serial = { name: { serialNumber: "TW-000123" } };

const verify = (chain: readonly Uint8Array[], trust = fleet.trust, now = NOW) =>
  verifyChain(chain, trust, now, nodeCrypto);
const trusting = (change: Partial<CertificateTrust>): CertificateTrust => ({ ...fleet.trust, ...change });
/** Issued by `issuer`, with all that a certificate of that profile has. */
const issued = (by: Member, as: keyof typeof profile): Uint8Array =>
  fleet.member("forged", profile[as], by, as === "idevid" ? serial : {}).certificate;

describe.each([
  ["ES256", nodeCrypto],
  ["Ed25519", nodeCrypto],
  ["ES256", nobleCrypto],
] as const)("a fleet of %s keys", (algorithm, crypto) => {
  const { chains, trust, members } = testFleet(algorithm, crypto);

  test.each([
    ["station", 7, 0],
    ["idevid", 4711, 0],
    ["ldevid", 4711, 1],
    ["gateway", 1, 0],
    ["service", 2, 0],
  ] as const)("%s", (name, number, generation) => {
    const verdict = verifyChain(chains[name], trust, NOW, crypto);
    expect(verdict).toMatchObject({ profile: name, number, generation, window: "current" });
    expect(verdict.publicKey).toEqual(members[name].signer.publicKey);
    expect(verdict.station).toEqual(
      name === "idevid" ? { number: 7, publicKey: members.station.signer.publicKey } : undefined,
    );
  });
});

test("a device with the other algorithm than its issuer's", () => {
  const leaf = fleet.member("mixed", profile.ldevid, deviceCa, { algorithm: "Ed25519" });
  expect(verify([leaf.certificate]).publicKey.algorithm).toBe("Ed25519");
});

test("CAs that the Authority lists may come along", () => {
  expect(verify([ldevid.certificate, deviceCa.certificate, root.certificate]).profile).toBe("ldevid");
  const full = [idevid, station, factoryCa, root].map(({ certificate }) => certificate);
  expect(verify(full).profile).toBe("idevid");
});

test("the trust is verified once", () => {
  let checks = 0;
  const counting = {
    ...nodeCrypto,
    verify: (...of: Parameters<typeof nodeCrypto.verify>) => (checks++, nodeCrypto.verify(...of)),
  };
  const trust = trusting({});
  for (const [chain, cost] of [
    [fleet.chains.ldevid, 5],
    [fleet.chains.ldevid, 1],
    [fleet.chains.idevid, 2],
  ] as const) {
    checks = 0;
    verifyChain(chain, trust, NOW, counting);
    expect(checks).toBe(cost);
  }
});

describe("P9: dates are an answer", () => {
  const begin = ISSUED;
  const end = ISSUED + 30 * DAY - 1;
  const laterCa = fleet.member("device CA", { profile: "issuing-ca" }, root, { notBeforeSeconds: NOW + DAY });
  const pastCa = fleet.member("device CA", { profile: "issuing-ca" }, root, {
    notBeforeSeconds: ISSUED - DAY,
    notAfterSeconds: NOW - 1,
  });
  const laterRoot = fleet.member("root", { profile: "root" }, undefined, { notBeforeSeconds: NOW + 1 });
  const laterStation = fleet.member("station 7", profile.station, factoryCa, { notBeforeSeconds: NOW + 1 });
  const expiredLeaf = fleet.member("4711", profile.ldevid, deviceCa, { notAfterSeconds: NOW - 1 });
  const under = (ca: Member) => trusting({ issuers: [{ purpose: "device", certificate: ca.certificate }] });

  test.each([
    ["a second before it begins", begin - 1, "future"],
    ["in its first second", begin, "current"],
    ["in its last second", end, "current"],
    ["a second after it ended", end + 1, "expired"],
    ["at a time that is no number", Number.NaN, "future"],
  ])("an LDevID %s", (_, now, window) => {
    expect(verify(fleet.chains.ldevid, fleet.trust, now)).toMatchObject({
      window,
      notBeforeSeconds: begin,
      notAfterSeconds: end,
    });
  });

  test("an IDevID outlives everything", () => {
    expect(verify(fleet.chains.idevid, fleet.trust, Date.UTC(2400, 0, 1) / 1000).window).toBe("current");
  });

  test.each<[string, Uint8Array[], CertificateTrust, string]>([
    ["a current leaf of an expired CA", fleet.chains.ldevid, under(pastCa), "expired"],
    ["a current leaf of a future CA", fleet.chains.ldevid, under(laterCa), "future"],
    ["an expired leaf of a current CA", [expiredLeaf.certificate], fleet.trust, "expired"],
    ["an expired leaf of a future CA", [expiredLeaf.certificate], under(laterCa), "future"],
    [
      "a leaf under a future root",
      fleet.chains.ldevid,
      trusting({ roots: [laterRoot.certificate] }),
      "future",
    ],
    ["an IDevID of a future station", [idevid.certificate, laterStation.certificate], fleet.trust, "future"],
  ])("%s", (_, chain, trust, window) => {
    const verdict = verify(chain, trust);
    expect([verdict.window, windowAt(NOW, verdict.path)]).toEqual([window, window]);
  });
});

describe("refused", () => {
  const { certificate } = ldevid;
  const second = fleet.member("4712", { profile: "ldevid", ...holder(4712, 1) }, deviceCa);
  const impostor = { ...deviceCa, signer: fleet.member("impostor", { profile: "root" }).signer };
  const renamed = { ...deviceCa, name: { commonName: "service CA", organization: "Tidewater" } };
  const otherStation = fleet.member("station 8", { profile: "station", ...holder(8) }, factoryCa);
  const own = fleet.member("4711", profile.ldevid); // with no issuer: by itself
  const strangers = fleet.member("station", { ...profile.station, ...other.holder(7) }, factoryCa);

  test.each<[string, string, Uint8Array[]]>([
    ["chain", "no certificate at all", []],
    ["chain", "an IDevID without its station", [idevid.certificate]],
    [
      "chain",
      "more certificates than any peer has a reason to send",
      [certificate, ...[deviceCa, root, root, root].map((ca) => ca.certificate)],
    ],
    ["chain", "another device's certificate behind the leaf", [certificate, second.certificate]],
    ["chain", "a CA that nobody listed behind the leaf", [certificate, other.deviceCa.certificate]],
    ["chain", "a second station behind the first", [...fleet.chains.idevid, otherStation.certificate]],
    ["leaf", "a genuine LDevID of another fleet", other.chains.ldevid],
    ["leaf", "another fleet's number, issued by our own CA", [issuedFor(other)]],
    [
      "station",
      "a station of another fleet, issued by our own CA",
      [idevid.certificate, strangers.certificate],
    ],
    ["leaf", "LDevID by the service CA", [issued(serviceCa, "ldevid")]],
    ["leaf", "LDevID by the factory CA", [issued(factoryCa, "ldevid")]],
    ["leaf", "LDevID by the root", [issued(root, "ldevid")]],
    ["leaf", "LDevID by a station", [issued(station, "ldevid")]],
    ["chain", "LDevID by a station, station sent along", [issued(station, "ldevid"), station.certificate]],
    ["leaf", "LDevID by another LDevID, which is no CA", [issued(ldevid, "ldevid")]],
    ["chain", "the same, with the issuing LDevID", [issued(ldevid, "ldevid"), certificate]],
    ["leaf", "gateway by the device CA", [issued(deviceCa, "gateway")]],
    ["leaf", "service by the device CA", [issued(deviceCa, "service")]],
    ["leaf", "gateway by the factory CA", [issued(factoryCa, "gateway")]],
    ["leaf", "station by the device CA", [issued(deviceCa, "station")]],
    ["leaf", "station by the root", [issued(root, "station")]],
    ["chain", "IDevID by the factory CA itself", [issued(factoryCa, "idevid")]],
    [
      "station",
      "the same, with the factory CA in the station's place",
      [issued(factoryCa, "idevid"), factoryCa.certificate],
    ],
    ["station", "IDevID by the device CA", [issued(deviceCa, "idevid"), deviceCa.certificate]],
    ["station", "IDevID by an LDevID", [issued(ldevid, "idevid"), certificate]],
    ["leaf", "IDevID with another station than its own", [idevid.certificate, otherStation.certificate]],
    ["station", "IDevID by a station that the device CA issued", underStationOf(deviceCa)],
    ["leaf", "a leaf that signed itself", [own.certificate]],
    ["leaf", "a root as leaf", [root.certificate]],
    ["leaf", "a CA as leaf", [deviceCa.certificate]],
    ["leaf", "signed by a stranger with the CA's name", [issued(impostor, "ldevid")]],
    ["leaf", "signed by the CA's key under another name", [issued(renamed, "ldevid")]],
    ["leaf", "the signature of another certificate", [withSignatureOf(certificate, second.certificate)]],
    ["leaf", "one bit of the signature changed", [withLastBitChanged(certificate)]],
    ["leaf", "a byte behind the certificate", [concatBytes(certificate, Uint8Array.of(0))]],
    ["leaf", "two certificates in one", [concatBytes(certificate, certificate)]],
    ["leaf", "no bytes", [new Uint8Array()]],
    ["leaf", "a megabyte", [new Uint8Array(1 << 20).fill(0x30)]],
  ])("%s: %s", (what, _, chain) => {
    expect(() => verify(chain)).toThrow(
      expect.objectContaining({ code: "bad-certificate", message: expect.stringMatching(`^${what}: `) }),
    );
  });

  function issuedFor(fleet2: typeof fleet): Uint8Array {
    return fleet.member("forged", { profile: "ldevid", ...fleet2.holder(4711, 1) }, deviceCa).certificate;
  }

  function underStationOf(ca: Member): Uint8Array[] {
    const wrong = fleet.member("station 7", profile.station, ca);
    return [issued(wrong, "idevid"), wrong.certificate];
  }

  function withLastBitChanged(victim: Uint8Array): Uint8Array {
    return Uint8Array.from(victim, (byte, i) => (i === victim.length - 1 ? byte ^ 1 : byte)); // still DER
  }

  function withSignatureOf(victim: Uint8Array, donor: Uint8Array): Uint8Array {
    const forged = victim.slice();
    forged.set(donor.subarray(-32), victim.length - 32); // the low bytes of s
    return forged;
  }
});

describe("an Authority under which nothing verifies is refused before anybody stores it", () => {
  const newRoot = fleet.member("root", { profile: "root" }, undefined, { algorithm: "Ed25519" });
  const crossSigned = fleet.member("root", { profile: "root" }, other.root);
  const ownCa = fleet.member("device CA", { profile: "issuing-ca" });
  const renewed = fleet.member("device CA", { profile: "issuing-ca" }, root, { notBeforeSeconds: NOW });
  const wrongRoot = { ...root, signer: other.root.signer };
  const byOtherKey = fleet.member("device CA", { profile: "issuing-ca" }, wrongRoot);
  const byOtherName = fleet.member("device CA", { profile: "issuing-ca" }, { ...root, name: deviceCa.name });
  const device = (ca: Member) => ({
    issuers: [{ purpose: "device", certificate: ca.certificate }] as const,
  });

  test.each<[string, string, Partial<CertificateTrust>]>([
    ["root 0", "garbage for a root", { roots: [Uint8Array.of(1, 2, 3)] }],
    ["root 0", "a CA for a root", { roots: [deviceCa.certificate] }],
    ["root 0", "a CA that signed itself for a root", { roots: [ownCa.certificate] }],
    ["root 0", "a root that another root signed", { roots: [crossSigned.certificate] }],
    ["factory CA 0", "the root replaced by one of the same name", { roots: [newRoot.certificate] }],
    ["factory CA 0", "no root", { roots: [] }],
    ["device CA 0", "a CA that signed itself", device(ownCa)],
    ["device CA 0", "a CA of a stranger's root", device(other.deviceCa)],
    ["device CA 0", "a CA signed by another key", device(byOtherKey)],
    ["device CA 0", "a CA under another name of the root", device(byOtherName)],
    ["device CA 0", "a factory CA for devices", device(factoryCa)],
    ["device CA 0", "a root for a CA", device(root)],
    ["device CA 0", "a gateway for a CA", device(gateway)],
    ["device CA 0", "a station for a CA", device(station)],
    [
      "factory CA 0",
      "an issuing CA for the factory",
      { issuers: [{ purpose: "factory", certificate: deviceCa.certificate }] },
    ],
    [
      "service CA 3",
      "one CA for two purposes",
      { issuers: [...fleet.trust.issuers, { purpose: "service", certificate: deviceCa.certificate }] },
    ],
    [
      "device CA 3",
      "two certificates for one CA key",
      { issuers: [...fleet.trust.issuers, { purpose: "device", certificate: renewed.certificate }] },
    ],
  ])("%s: %s", (what, _, change) => {
    const error = expect.objectContaining({
      code: "bad-certificate",
      message: expect.stringMatching(`^${what}: `),
    });
    expect(() => verifyTrust(trusting(change), nodeCrypto)).toThrow(error);
    expect(() => verifyChain(fleet.chains.ldevid, trusting(change), NOW, nodeCrypto)).toThrow(error);
  });

  test("while the real one is not", () => {
    expect(verifyTrust(trusting({}), nodeCrypto)).toHaveLength(3);
    expect(verify([service.certificate]).profile).toBe("service");
  });
});
