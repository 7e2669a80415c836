/** Sync tokens: what is a seal and a probe of this fleet, and what it means that a token was shown. */
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64Url } from "../../fleet/events.js";
import {
  judgeToken,
  nextToken,
  openTokens,
  probeFor,
  provesTwo,
  sealToken,
  type ShownToken,
  type TokenHolder,
  type TokenSealing,
  type TokenVerdict,
} from "../../fleet/sync-tokens.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";

const secret = nodeCrypto.sha256(utf8("secret"));
const fleetId = nodeCrypto.sha256(utf8("fleet")).subarray(0, 16);
const key = (label: string) => ({ algorithm: "ES256", bytes: toBase64Url(utf8(label)) }) as const;
const sealing: TokenSealing = { secret, era: 0, fleetId, crypto: nodeCrypto };
const holder: TokenHolder = { number: 7, key: key("base") };
/** Each differs in one thing. */
const others: readonly (readonly [string, TokenSealing, TokenHolder])[] = [
  ["of another secret", { ...sealing, secret: fleetId }, holder],
  ["of another fleet", { ...sealing, fleetId: secret.subarray(0, 16) }, holder],
  ["of another device", sealing, { ...holder, number: 8 }],
  ["of before a re-enrollment", sealing, { ...holder, key: key("base before") }],
];
function uint64(value: number): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out;
}
const LAST = Number.MAX_SAFE_INTEGER;
const number = fc.integer({ min: 0, max: LAST });

describe("seals", () => {
  test("are HMAC-SHA256, as node:crypto computes it", () => {
    fc.assert(
      fc.property(number, number, (n, after) => {
        const mac = createHmac("sha256", secret).update("daymark/1 sync token");
        for (const each of [n, after]) mac.update(uint64(each));
        mac
          .update(fleetId)
          .update(new Uint8Array([0, 0, 0, 7]))
          .update("base");
        const { seal } = sealToken(sealing, holder, { n, after });
        expect(seal).toEqual(new Uint8Array(mac.digest().subarray(0, 8)));
      }),
    );
  });

  test("a token is known again, and what it says is read", () => {
    fc.assert(
      fc.property(number, number, (n, after) => {
        const token = sealToken(sealing, holder, { n, after });
        expect(openTokens(sealing, holder, { token })).toEqual({ token: { n, after, era: 0 } });
      }),
    );
  });

  test.each(others)("a token %s is not", (_, ...other) => {
    const token = sealToken(...other, { n: 3, after: 2 });
    expect(openTokens(sealing, holder, { token }).token).toEqual({ n: 3, after: 2 });
  });

  test("nor one of which any bit was changed", () => {
    const token = sealToken(sealing, holder, { n: 3, after: 2 });
    const flips = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((at) => [0x01, 0x80].map((bit) => [at, bit] as const));
    const changed = flips.map(([at, bit]) => {
      const seal = token.seal.slice();
      seal[at] = (seal[at] ?? 0) ^ bit;
      return { ...token, seal };
    });
    for (const each of [...changed, { ...token, n: 4 }, { ...token, after: 1 }])
      expect(openTokens(sealing, holder, { token: each }).token?.era).toBeUndefined();
  });
});

describe("probes", () => {
  test("a probe names the token that was shown when it was given", () => {
    fc.assert(
      fc.property(number, (n) => {
        const probe = probeFor(sealing, holder, n);
        expect(probe).toHaveLength(16);
        expect(openTokens(sealing, holder, { probe })).toEqual({ probed: n });
      }),
    );
  });

  test.each<readonly [string, Uint8Array]>([
    ...others.map(([name, ...other]) => [name, probeFor(...other, 3)] as const),
    ["that names another token than it was given for", probeFor(sealing, holder, 3).with(7, 4)],
    ["of zeros", new Uint8Array(16)],
    ["of ones", new Uint8Array(16).fill(255)],
  ])("one %s says nothing", (_, probe) => {
    expect(openTokens(sealing, holder, { probe })).toEqual({});
  });
});

const sealed = (n: number, after: number, era = 2): ShownToken => ({ n, after, era });
const claimed = (n: number, after: number): ShownToken => ({ n, after });
/** The present one. */
const ERA = 2;
const known = (issued: number, shown: number, begun = 0) => ({ issued, shown, begun });

describe("eras", () => {
  const of = (era: number): TokenSealing => ({ ...sealing, era });
  const openedBy = (present: number, era: number) => {
    const token = sealToken(of(era), holder, { n: 3, after: 2 });
    const probe = probeFor(of(era), holder, 3);
    return openTokens(of(present), holder, { token, probe });
  };

  test.each([
    [0, 0],
    [0, 4],
    [3, 0],
    [3, 3],
    [3, 7],
    [20, 4],
  ])("in era %i, what was sealed in era %i is known, and in which", (present, era) => {
    expect(openedBy(present, era)).toEqual({ token: { n: 3, after: 2, era }, probed: 3 });
  });

  test.each([
    [0, 5],
    [20, 3],
    [20, 25],
  ])("in era %i, nobody looks as far as era %i", (present, era) => {
    expect(openedBy(present, era)).toEqual({ token: { n: 3, after: 2 } });
  });

  test("a token is never taken for a probe, nor one era for another", () => {
    const seals = [0, 1, 2].flatMap((era) => [
      sealToken(of(era), holder, { n: 3, after: 3 }).seal,
      probeFor(of(era), holder, 3).subarray(8),
    ]);
    expect(new Set(seals.map((seal) => Buffer.from(seal).toString("hex"))).size).toBe(seals.length);
  });
});

describe("what is shown", () => {
  test.each<[string, ReturnType<typeof known>, ShownToken | undefined, TokenVerdict]>([
    ["none, before any was", known(0, 0), undefined, "in-order"],
    ["none, while leases get lost", known(3, 0), undefined, "in-order"],
    ["the first", known(1, 0), sealed(1, 0), "in-order"],
    ["the newest again", known(9, 5), sealed(5, 4), "in-order"],
    ["the one that came for the newest", known(9, 5), sealed(8, 5), "in-order"],
    ["one that the log does not know", known(9, 5), sealed(20, 19), "ahead"],
    ["the same after somebody vouched", known(9, 0), sealed(20, 19), "ahead"],
    ["the same of an era that is over", known(9, 5), sealed(20, 19, 1), "in-order"],
    ["the same of the first era", known(9, 0), sealed(20, 19, 0), "in-order"],
    ["any of an era that the log does not know", known(9, 5), sealed(5, 4, 3), "ahead"],
    ["any of that, after somebody vouched", known(9, 0), sealed(1, 0, 6), "ahead"],
    ["an older one of an era that is over", known(9, 5), sealed(4, 3, 1), "stale"],
    ["one for a token that the log did not see shown", known(30, 5), sealed(20, 19), "in-order"],
    ["anything, after somebody vouched", known(9, 0), sealed(3, 2), "in-order"],
    ["anything with a bad seal, after that", known(9, 0), claimed(3, 2), "in-order"],
    ["an older one", known(9, 5), sealed(4, 3), "stale"],
    ["a sibling: one that came for the same as the newest", known(9, 5), sealed(6, 4), "stale"],
    ["none, though one was shown", known(9, 5), undefined, "stale"],
    ["the newest with a bad seal", known(9, 5), claimed(5, 4), "stale"],
    ["the one that came for the newest, with a bad seal", known(9, 5), claimed(8, 5), "stale"],
    ["a huge one with a bad seal", known(9, 5), claimed(2 ** 40, 2 ** 40 - 1), "stale"],
    ["one for a later than itself, got by a claim", known(9, 5), sealed(7, 2 ** 40), "stale"],
  ])("%s", (_, tokens, token, verdict) => {
    expect(judgeToken(tokens, ERA, token)).toBe(verdict);
  });

  test("the next token is for the one that was shown; what is only claimed moves little", () => {
    expect(nextToken(known(9, 5), sealed(8, 5))).toEqual({ token: { n: 10, after: 8 }, shown: 8 });
    expect(nextToken(known(9, 5), sealed(20, 19))).toEqual({ token: { n: 21, after: 20 }, shown: 20 });
    expect(nextToken(known(9, 0), claimed(3, 1))).toEqual({ token: { n: 10, after: 3 }, shown: 0 });
    expect(nextToken(known(9, 0), claimed(20, 1))).toEqual({ token: { n: 21, after: 20 }, shown: 0 });
    expect(nextToken(known(9, 0), claimed(LAST, 1))).toEqual({
      token: { n: 9 + 2 ** 20 + 1, after: LAST },
      shown: 0,
    });
    expect(nextToken(known(0, 0), undefined)).toEqual({ token: { n: 1, after: 0 }, shown: 0 });
  });
});

describe("two holders are proven by", () => {
  test.each<[string, ReturnType<typeof known>, ShownToken | undefined, number | undefined, boolean]>([
    ["an older token, signed after the newest was shown", known(9, 5), sealed(4, 3), 5, true],
    ["none, signed after one was shown", known(9, 5), undefined, 5, true],
    ["a bad seal, signed after one was shown", known(9, 5), claimed(5, 4), 5, true],
    ["an older token, signed after a newer one was shown", known(9, 8), sealed(3, 2), 5, true],
    ["no older token that is not known to be signed later", known(9, 5), sealed(4, 3), undefined, false],
    ["no token that was as new as it could be then", known(9, 8), sealed(5, 4), 5, false],
    ["nothing from before somebody vouched", known(9, 8, 5), sealed(3, 2), 5, false],
    ["what was signed after that", known(9, 8, 5), sealed(3, 2), 6, true],
  ])("%s", (_, tokens, token, probed, proven) => {
    const facts = { ...(token && { token }), ...(probed !== undefined && { probed }) };
    expect(provesTwo(tokens, ERA, facts)).toBe(proven);
  });
});
