/** Drafting and signing Authorities: what may change, and whose signatures it takes. */
import { beforeEach, describe, expect, test } from "vitest";
import { caName, foundFleet } from "../../fleet/ceremony.js";
import { type AuthorityChanges, draftNext } from "../../fleet/ceremony-next.js";
import {
  authorityIn,
  encodeDraft,
  openChain,
  signAuthority,
  signingState,
} from "../../fleet/ceremony-signing.js";
import { FleetError } from "../../fleet/errors.js";
import { FLEET_KEY_NAMES, type FleetKeys } from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Authority, type Trust } from "../../protocol/authority.js";
import { fleetIdOf, openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { joinBundle } from "../../protocol/bundle.js";
import type { Signer } from "../../protocol/crypto.js";
import { ProtocolError } from "../../protocol/errors.js";
import { issueCertificate, newSerial } from "../../protocol/x509/certificate.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { FOUNDED, freshKey } from "./fixtures.js";
import { alone, linkAfter, NO_CHANGES } from "./rotation.js";
import { entropy } from "./served-fleet.js";

const context = { crypto: nodeCrypto, entropy, now: FOUNDED };
let keys: FleetKeys;
let trust: Trust;
beforeEach(() => {
  keys = Object.fromEntries(FLEET_KEY_NAMES.map((name) => [name, freshKey()])) as FleetKeys;
  trust = foundFleet("harbour", { ...context, keys });
});

const draft = (changes: Partial<AuthorityChanges> = {}) =>
  encodeDraft(draftNext(trust, { ...NO_CHANGES, ...changes }, context));
const sign = (file: Uint8Array, ...signers: readonly Signer[]) =>
  signers.reduce((signed, signer) => signAuthority(signed, signer, trust, nodeCrypto), file);
function codeOf(run: () => unknown): string {
  try {
    run();
    return "accepted";
  } catch (error) {
    if (error instanceof FleetError || error instanceof ProtocolError) return error.code;
    throw error;
  }
}
const keysOf = (...signers: readonly Signer[]) => signers.map(({ publicKey }) => publicKey);

describe("P13: signatures", () => {
  test("the old roots and the new ones sign, in any order; it says what is missing until all are there", () => {
    const [a, b, c] = [freshKey(), freshKey(), freshKey()];
    const file = draft({ roles: { root: { keys: keysOf(a, b, c), threshold: 2 } } });
    const missing = (one: Uint8Array) => signingState(one, trust, nodeCrypto).missing;
    expect(missing(file)).toEqual({ own: 2, before: 1 });
    expect(missing(sign(file, b))).toEqual({ own: 1, before: 1 });
    expect(missing(sign(file, b, keys.root))).toEqual({ own: 1, before: 0 });
    for (const order of [
      [b, keys.root, a],
      [keys.root, c, a],
      [c, b, keys.root],
    ]) {
      const signed = sign(file, ...order);
      expect(missing(signed)).toEqual({ own: 0, before: 0 });
      expect(openNextAuthority(signed, trust, nodeCrypto).authority.value.version).toBe(2);
    }
  });

  test("a root that stays signs once, for both versions", () => {
    const signed = sign(draft({ terms: ["directive"] }), keys.root);
    expect(openNextAuthority(signed, trust, nodeCrypto).authority.value.terms.directive).toBe(2);
  });

  test("by a key that is no root, or for the second time, is refused", () => {
    expect(codeOf(() => sign(draft(), keys.hold))).toBe("denied");
    const two = draft({ roles: { root: { keys: keysOf(keys.root, freshKey()), threshold: 2 } } });
    expect(codeOf(() => sign(two, keys.root, keys.root))).toBe("malformed");
  });

  test("that others made are checked before one is added", () => {
    const two = draft({ roles: { root: { keys: keysOf(keys.root, freshKey()), threshold: 2 } } });
    const signed = sign(two, keys.root);
    expect(codeOf(() => sign(signed.with(-1, (signed.at(-1) ?? 0) ^ 1), freshKey()))).toBe("bad-signature");
  });

  test("of an Authority that does not follow the chain are not made", () => {
    const other = foundFleet("elsewhere", { ...context, keys });
    const rows = [
      encodeDraft(draftNext(other, NO_CHANGES, context)),
      encodeDraft({ ...draftNext(trust, NO_CHANGES, context), version: 3 }),
      trust.authority.bytes,
    ];
    expect(rows.map((file) => codeOf(() => sign(file, keys.root)))).toEqual(rows.map(() => "bad-request"));
    expect(codeOf(() => signAuthority(draft(), keys.root, undefined, nodeCrypto))).toBe("bad-request");
  });

  test("are not added to an Authority that nobody could use", () => {
    const value = { ...draftNext(trust, NO_CHANGES, context), roles: [] };
    expect(codeOf(() => sign(encodeDraft(value), keys.root))).toBe("out-of-range");
    const fallen = draftNext(trust, NO_CHANGES, context);
    const file = encodeDraft({ ...fallen, terms: { ...fallen.terms, directive: 0 } });
    expect(codeOf(() => sign(file, keys.root))).toBe("out-of-range");
  });

  test("of version 1 give the fleet its name", () => {
    const value = { ...trust.authority.value, name: "bay" };
    const signed = signAuthority(encodeDraft(value), keys.root, undefined, nodeCrypto);
    const founded = openFirstAuthority(signed, nodeCrypto);
    expect(founded.fleetId).toEqual(fleetIdOf(Authority.encode(value), nodeCrypto));
  });
});

describe("a draft", () => {
  test("that changes nothing differs from the version before in version and predecessor only", () => {
    const { previous, ...next } = draftNext(trust, NO_CHANGES, context);
    const { roles, ...known } = trust.authority.value;
    expect(next).toEqual({ ...known, roles, version: 2 });
    expect(previous).toHaveLength(32);
  });

  test("raises the terms that are named, and gives time a new base with its term only", () => {
    const base = FOUNDED + 1000;
    const terms = (...raised: AuthorityChanges["terms"]) =>
      draftNext(trust, { ...NO_CHANGES, terms: raised, timeBase: base }, context).terms;
    const before = { directive: 1, advisory: 1, ledger: 1, time: 1, timeBase: FOUNDED };
    expect(terms("ledger", "directive")).toEqual({ ...before, directive: 2, ledger: 2 });
    expect(terms("advisory")).toEqual({ ...before, advisory: 2 });
    expect(terms("time")).toEqual({ ...before, time: 2, timeBase: base });
  });

  const refused: readonly (readonly [string, () => Partial<AuthorityChanges>])[] = [
    ["more signatures than keys", () => ({ roles: { hold: { keys: keysOf(freshKey()), threshold: 2 } } })],
    ["new certificates without the root's key", () => ({ cas: { device: freshKey().publicKey } })],
    [
      "new certificates by a key that is not the root's",
      () => ({ cas: { device: freshKey().publicKey }, x509Root: freshKey() }),
    ],
    ["a new X.509 root without its key", () => ({ replaceRoot: true })],
  ];
  test.each(refused)("P3: with %s is not drawn up", (_, changes) => {
    expect(codeOf(() => draft(changes()))).toBe("bad-request");
  });

  test("P3: with the key of a CA that stays listed is not drawn up", () => {
    const same = { device: keys["device-ca"].publicKey };
    const changes = { cas: same, keep: "all", x509Root: keys["x509-root"] } as const;
    expect(codeOf(() => draft(changes))).toBe("bad-certificate");
  });

  const kept: readonly (readonly [AuthorityChanges["keep"], number, number])[] = [
    ["factory", 2, 1],
    ["all", 2, 2],
    ["none", 1, 1],
  ];
  test.each(kept)("with replaced CAs keeps %s listed", (keep, factories, devices) => {
    const cas = { factory: freshKey().publicKey, device: freshKey().publicKey };
    const next = draftNext(trust, { ...NO_CHANGES, cas, keep, x509Root: keys["x509-root"] }, context);
    const listed = (purpose: string) => next.issuers.filter((issuer) => issuer.purpose === purpose).length;
    expect([listed("factory"), listed("device"), listed("service")]).toEqual([factories, devices, 1]);
  });

  test("P9: with a new X.509 root leaves in date what was issued under the old one", () => {
    const holder = { fleetId: trust.fleetId, number: 7, generation: 1 };
    const dates = { notBeforeSeconds: FOUNDED, notAfterSeconds: FOUNDED + 1000 };
    const subject = { commonName: "device 7", organization: "harbour" };
    const request = { serial: newSerial(entropy), subject, publicKey: freshKey().publicKey, ...dates };
    const ca = { name: caName("harbour", "device-ca"), signer: keys["device-ca"] };
    const ldevid = issueCertificate({ profile: "ldevid", holder, ...request }, ca, nodeCrypto);
    const link = linkAfter(trust, { x509Root: freshKey(), replaceRoot: true }, [keys.root]);
    const next = openNextAuthority(link, trust, nodeCrypto);
    expect(next.authority.value.anchors).not.toEqual(trust.authority.value.anchors);
    expect(verifyChain([ldevid], next.certificates, FOUNDED, nodeCrypto)).toMatchObject({
      number: 7,
      window: "current",
    });
  });
});

describe("a chain file", () => {
  test("leads to its newest version", () => {
    const second = linkAfter(trust, {}, [keys.root]);
    const next = openNextAuthority(second, trust, nodeCrypto);
    const third = linkAfter(next, { roles: { hold: alone(freshKey().publicKey) } }, [keys.root]);
    const chain = openChain(joinBundle([trust.authority.bytes, second, third]), nodeCrypto);
    expect([chain.trust.authority.value.version, chain.links.length]).toEqual([3, 3]);
    expect(authorityIn(third)).toEqual(chain.trust.authority.value);
  });

  test("P3: with one link missing names it; with none it says so", () => {
    const second = linkAfter(trust, {}, [keys.root]);
    const third = linkAfter(openNextAuthority(second, trust, nodeCrypto), {}, [keys.root]);
    const gap = joinBundle([trust.authority.bytes, third]);
    expect(() => openChain(gap, nodeCrypto)).toThrow(/link 2 is missing/);
    expect(codeOf(() => openChain(new Uint8Array(), nodeCrypto))).toBe("bad-request");
  });
});
