/** What is kept of a certificate that was verified, and what is asked again each time. */
import { beforeEach, expect, test } from "vitest";
import { Verdicts } from "../../broker/verdicts.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import { DAY, ISSUED, NOW, testFleet } from "../x509/helpers.js";

const fleet = testFleet("ES256");
const LDEVID = { leaf: utf8("ldevid"), chain: fleet.chains.ldevid };
const IDEVID = { leaf: utf8("idevid"), chain: fleet.chains.idevid };

let verdicts: Verdicts;
/** How often a chain was taken out of its connection. */
let taken: number;
beforeEach(() => {
  verdicts = new Verdicts(nodeCrypto);
  taken = 0;
});

interface Shown {
  readonly leaf: Uint8Array;
  readonly chain: readonly Uint8Array[];
}
const look = (
  { leaf, chain }: Shown,
  { at = NOW, trust = fleet.trust, resumed = false, leafAlone = false } = {},
) =>
  verdicts.of(
    { leaf, resumed, chain: () => (taken++, resumed || leafAlone ? chain.slice(0, 1) : chain) },
    trust,
    at,
  );

test("a chain is taken out and verified once", () => {
  const first = look(LDEVID);
  expect(first).toMatchObject({ profile: "ldevid", number: 4711, window: "current" });
  expect(look(LDEVID)).toEqual(first);
  expect(look(LDEVID, { resumed: true })).toEqual(first);
  expect(taken).toBe(1);
});

test("the dates are held against the time of each connect, those of the whole path", () => {
  const end = ISSUED + 30 * DAY;
  const windows = [ISSUED - 1, NOW, end - 1, end, ISSUED - 1].map((at) => look(LDEVID, { at }));
  expect(windows.map((verdict) => typeof verdict === "object" && verdict.window)).toEqual([
    "future",
    "current",
    "current",
    "expired",
    "future",
  ]);
  expect(taken).toBe(1);
});

test("under other CAs everything is verified again", () => {
  look(LDEVID);
  const issuers = fleet.trust.issuers.filter(({ purpose }) => purpose !== "device");
  expect(look(LDEVID, { trust: { ...fleet.trust, issuers } })).toBe("bad");
  expect(look(LDEVID)).toMatchObject({ profile: "ldevid" });
  expect(taken).toBe(3);
});

test("a resumed session brings its leaf alone: enough for an LDevID, and never a reason to call one bad", () => {
  expect(look(LDEVID, { resumed: true })).toMatchObject({ profile: "ldevid" });
  expect(look(IDEVID, { resumed: true })).toBe("stale");
  expect(look(IDEVID, { leafAlone: true })).toBe("bad");
  expect(look(IDEVID)).toMatchObject({ profile: "idevid" });
  expect(look(IDEVID, { resumed: true })).toMatchObject({ profile: "idevid" });
});

test("no more than a bound are kept", () => {
  verdicts = new Verdicts(nodeCrypto, 2);
  const copy = { ...IDEVID, leaf: utf8("copy") };
  for (const shown of [LDEVID, IDEVID, copy]) look(shown);
  taken = 0;
  for (const shown of [copy, IDEVID]) look(shown);
  expect(taken).toBe(0);
  look(LDEVID);
  expect(taken).toBe(1);
});
