/** Documents that outlive the keys that signed them: signed again, and the same document still. */
import { beforeEach, expect, test } from "vitest";
import { asSigned, RenewedSignatures } from "../../fleet/renewed-signatures.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument, type RoleDocument } from "../../protocol/authority.js";
import { Beacon } from "../../protocol/beacon.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { Directive } from "../../protocol/directive.js";
import { Release } from "../../protocol/release.js";
import { freshKey, must, signedOf, SmallFleet } from "./fixtures.js";
import { alone, MemoryStagedKeys, nextLink } from "./rotation.js";

let fleet: SmallFleet;
let staged: MemoryStagedKeys;
let [directive, release]: Uint8Array[] = [];
beforeEach(async () => {
  staged = new MemoryStagedKeys();
  fleet = await SmallFleet.open({ staged });
  await fleet.bear("SN-1");
  await fleet.act("hold", [1], "isolate");
  await fleet.act("release", [1], "none");
  [directive, release] = [signedOf(fleet.device(1).directive), signedOf(fleet.device(1).release)];
});

/** New keys for these roles, which the server has. */
async function replace(...names: readonly ("hold" | "release")[]): Promise<void> {
  staged.waiting = Object.fromEntries(names.map((name) => [name, freshKey()]));
  const roles = Object.fromEntries(names.map((name) => [name, alone(must(staged.waiting[name]).publicKey)]));
  await fleet.service.installAuthority(nextLink(fleet, { roles }), "operator");
}
const open = <T>(document: RoleDocument<T, string>, bytes: Uint8Array) =>
  openDocument(document, bytes, fleet.service.trust, nodeCrypto);

test("what the keys of today have signed stays as it is, and so does what no role signs", async () => {
  const { renew, view } = fleet.service;
  expect(renew(must(directive))).toBe(directive);
  const founding = signedOf(view.authorities.get(1));
  await replace("hold", "release");
  expect(renew(founding)).toBe(founding);
  expect(asSigned(must(directive))).toBe(directive);
});

test("P9: with a new key it is signed again: other bytes, the same payload, and the same each time", async () => {
  await replace("hold", "release");
  const { renew } = fleet.service;
  const documents: readonly (readonly [RoleDocument<unknown, string>, Uint8Array])[] = [
    [Directive, must(directive)],
    [Release, must(release)],
  ];
  for (const [message, old] of documents) {
    expect(() => open(message, old)).toThrow(expect.objectContaining({ code: "wrong-key" }));
    const fresh = renew(old);
    expect(open(message, fresh).hash).toEqual(nodeCrypto.sha256(parseEnvelope(old).payload).slice(0, 8));
    expect(parseEnvelope(fresh).payload).toEqual(parseEnvelope(old).payload);
    expect(renew(old)).toBe(fresh);
  }
});

test("P3: replaced a second time, it is not signed by the key in between", async () => {
  await replace("hold");
  const between = fleet.service.renew(must(directive));
  await replace("hold");
  expect(() => open(Directive, between)).toThrow(expect.objectContaining({ code: "wrong-key" }));
  expect(open(Directive, fleet.service.renew(must(directive))).value.level).toBe("isolate");
});

test("P13: where the new keys are elsewhere, or several must sign, nothing is signed in their name", async () => {
  const [a, b] = [freshKey(), freshKey()];
  const two = { keys: [a.publicKey, b.publicKey], threshold: 2 };
  const terms = ["directive", "advisory"] as const;
  await fleet.service.installAuthority(nextLink(fleet, { roles: { release: two }, terms }), "operator");
  expect(fleet.service.renew(must(release))).toBe(release);
  const holds = new RenewedSignatures();
  const keys = { ...fleet.service.keys, release: a };
  expect(holds.renewed(must(release), { ...fleet.service.sealing(), keys })).toBe(release);
});

test("a Beacon is never old: each Authority brings a new one", async () => {
  await replace("hold");
  expect(open(Beacon, fleet.door.beacon()).value.authority).toBe(2);
});
