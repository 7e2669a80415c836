/** The chain of Authorities: who may continue it, and what a reader makes of one that is missing or forged (P3). */
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { holdersOf } from "../../protocol/authority.js";
import {
  openFirstAuthority,
  openNextAuthority,
  reopenAuthority,
  walkAuthorities,
} from "../../protocol/authority-chain.js";
import { filled } from "../vectors/examples.js";
import { testFleet } from "../x509/helpers.js";
import { foundingAuthority, longChain, type Next, nextAuthority, roleSigner } from "./rotation.js";

const ROOT = roleSigner("root");
const [A, B, C, D] = [2, 3, 4, 5].map((version) => roleSigner("root", version)) as [
  typeof ROOT,
  typeof ROOT,
  typeof ROOT,
  typeof ROOT,
];
const first = openFirstAuthority(foundingAuthority({ by: [ROOT] }), nodeCrypto);
const quorum = openFirstAuthority(
  foundingAuthority({ keys: { root: [A, B, C] }, thresholds: { root: 2 }, by: [A, C] }),
  nodeCrypto,
);

test("version 1 needs as many of its own root keys as it says", () => {
  const one = foundingAuthority({ keys: { root: [A, B, C] }, thresholds: { root: 2 }, by: [A] });
  expect(() => openFirstAuthority(one, nodeCrypto)).toThrow(
    expect.objectContaining({ code: "quorum-missing" }),
  );
});

test("P1: version 1 of another fleet is refused, and so is a later version in its place", () => {
  const bytes = foundingAuthority({ by: [ROOT] });
  expect(() => openFirstAuthority(bytes, nodeCrypto, filled("fleet", 16))).toThrow(
    expect.objectContaining({ code: "wrong-key" }),
  );
  expect(() => openFirstAuthority(nextAuthority(first, { by: [ROOT] }), nodeCrypto)).toThrow(
    expect.objectContaining({ code: "out-of-range" }),
  );
});

describe("the next version", () => {
  test("rotates the root: signed by the old key and the new one", () => {
    const link = nextAuthority(first, { keys: { root: [A] }, by: [ROOT, A] });
    const next = openNextAuthority(link, first, nodeCrypto);
    expect(next.authority.value.version).toBe(2);
    expect(next.fleetId).toBe(first.fleetId);
    expect(holdersOf("root", next)).toMatchObject({ keys: [A.publicKey], threshold: 1 });
    expect(next.authority.signers).toEqual([ROOT.publicKey, A.publicKey]);
  });

  test("rotates a role and the threshold of another", () => {
    const hold = roleSigner("hold", 2);
    const releases = [roleSigner("release", 2), roleSigner("release", 3)];
    const link = nextAuthority(first, {
      keys: { hold: [hold], release: releases },
      thresholds: { release: 2 },
      by: [ROOT],
    });
    const next = openNextAuthority(link, first, nodeCrypto);
    expect(holdersOf("hold", next).keys).toEqual([hold.publicKey]);
    expect(holdersOf("release", next).threshold).toBe(2);
  });

  const two = { keys: { root: [B, D] }, thresholds: { root: 2 } };
  test("takes a quorum of the old root and of the new one; a key in both counts for both", () => {
    const link = nextAuthority(quorum, { ...two, by: [A, B, D] });
    expect(openNextAuthority(link, quorum, nodeCrypto).authority.value.version).toBe(2);
  });

  test.each<[string, Next, string]>([
    ["signed by one of two old root keys", { ...two, by: [B, D] }, "quorum-missing"],
    ["signed by one of two new root keys", { ...two, by: [A, B] }, "quorum-missing"],
    ["signed by a stranger too", { ...two, by: [A, B, D, roleSigner("hold")] }, "wrong-key"],
    ["that skips a version", { change: { version: 3 }, by: [A, B] }, "out-of-range"],
    ["that repeats the version", { change: { version: 1 }, by: [A, B] }, "out-of-range"],
    ["after another version 1", { change: { previous: filled("other", 32) }, by: [A, B] }, "wrong-key"],
    ["that names nobody before it", { change: { previous: undefined }, by: [A, B] }, "wrong-key"],
    ["in which a role is left out", { change: { roles: [] as never }, by: [A, B] }, "out-of-range"],
    [
      "whose threshold nobody can meet",
      { keys: { root: [A] }, thresholds: { root: 2 }, by: [A, B] },
      "quorum-missing",
    ],
    [
      "that names a key twice to reach a threshold",
      { keys: { root: [A, B], release: [C, C] }, thresholds: { root: 2, release: 2 }, by: [A, B] },
      "out-of-range",
    ],
    [
      "whose threshold for release exceeds its keys",
      { keys: { root: [A, B] }, thresholds: { root: 2, release: 2 }, by: [A, B] },
      "out-of-range",
    ],
  ])("%s is refused", (_name, next, code) => {
    const seal = () => openNextAuthority(nextAuthority(quorum, next), quorum, nodeCrypto);
    expect(seal).toThrow(expect.objectContaining({ code }));
  });

  test("with certificates that do not go back to its anchors is refused", () => {
    const { issuers } = testFleet("Ed25519", nodeCrypto, "another fleet").trust;
    const link = nextAuthority(first, { change: { issuers: issuers as never }, by: [ROOT] });
    expect(() => openNextAuthority(link, first, nodeCrypto)).toThrow(
      expect.objectContaining({ code: "bad-certificate" }),
    );
  });

  const { terms } = first.authority.value;
  test.each(["directive", "advisory", "ledger", "time"] as const)("P3: lowers no term: %s", (kind) => {
    const raised = { ...terms, [kind]: 2 };
    const second = openNextAuthority(
      nextAuthority(first, { change: { terms: raised }, by: [ROOT] }),
      first,
      nodeCrypto,
    );
    const third = nextAuthority(second, { change: { terms }, by: [ROOT] });
    expect(() => openNextAuthority(third, second, nodeCrypto)).toThrow(
      expect.objectContaining({ code: "out-of-range", message: expect.stringContaining(`${kind} term`) }),
    );
  });

  test("fleet time gets another base with a new term, also an earlier one, and not otherwise", () => {
    const earlier = { ...terms, timeBase: terms.timeBase - 1000 };
    const cured = nextAuthority(first, { change: { terms: { ...earlier, time: 2 } }, by: [ROOT] });
    expect(openNextAuthority(cured, first, nodeCrypto).authority.value.terms.timeBase).toBe(earlier.timeBase);
    const same = nextAuthority(first, { change: { terms: earlier }, by: [ROOT] });
    expect(() => openNextAuthority(same, first, nodeCrypto)).toThrow(
      expect.objectContaining({ code: "out-of-range" }),
    );
  });
});

describe("a walk over 12 links", () => {
  const { first: start, links } = longChain(12);

  test("leads to version 13, from the start or from the middle", () => {
    const walk = walkAuthorities(links, start, nodeCrypto);
    expect(walk).toMatchObject({ links, trust: { authority: { value: { version: 13 } } } });
    const middle = walkAuthorities(links.slice(0, 5), start, nodeCrypto).trust;
    expect(walkAuthorities(links, middle, nodeCrypto)).toMatchObject({
      links: links.slice(5),
      trust: { authority: { value: { version: 13 } } },
    });
  });

  test.each(links.map((_, i) => i))("with link %i missing ends before it, and says which", (missing) => {
    const walk = walkAuthorities(links.toSpliced(missing, 1), start, nodeCrypto);
    expect(walk.trust.authority.value.version).toBe(missing + 1);
    const isLast = missing === links.length - 1; // then nothing shows that there is one more
    expect(walk.refusal?.message ?? "").toContain(isLast ? "" : `link ${missing + 2} is missing`);
    expect(walk.refusal === undefined).toBe(isLast);
  });

  test.each(links.map((_, i) => i))("with link %i forged ends before it, and says which", (forged) => {
    const before = walkAuthorities(links.slice(0, forged), start, nodeCrypto).trust;
    const thief = roleSigner("hold");
    const bad = nextAuthority(before, { keys: { root: [thief] }, by: [thief] });
    const walk = walkAuthorities(links.with(forged, bad), start, nodeCrypto);
    expect(walk.trust.authority.value.version).toBe(forged + 1);
    expect(walk.refusal).toMatchObject({
      code: "quorum-missing",
      message: expect.stringContaining(`link ${forged + 2}`),
    });
  });
});

test("what was verified and stored opens again, though its signers are not root any more", () => {
  const link = nextAuthority(first, { keys: { root: [A] }, by: [ROOT, A] });
  const trust = reopenAuthority(link, first.fleetId, nodeCrypto);
  expect(trust.authority).toMatchObject({ value: { version: 2 }, signers: [] });
});
