/** A release that gives a device a freshness table of its own: decided, approved, drafted and signed as one. */
import { describe, expect, test } from "vitest";
import { actDigest } from "../../fleet/act-digest.js";
import { draftsOf } from "../../fleet/drafts.js";
import type { Act } from "../../fleet/events.js";
import { releaseFactOf, releaseOf } from "../../fleet/statements.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { FreshnessRules } from "../../protocol/authority.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { Release } from "../../protocol/release.js";
import { DAY, FOUNDED, must, signedOf, SmallFleet } from "./fixtures.js";
import { codeOf, fleetOf, only, type Registry } from "./registry-rig.js";
import { submit } from "./signed-elsewhere.js";

const strict: FreshnessRules = [
  { afterSeconds: 7 * DAY, level: "restrict" },
  { afterSeconds: 30 * DAY, level: "isolate" },
];
const lift = (freshness?: FreshnessRules) =>
  ({ kind: "release", level: "none", ...(freshness && { freshness }) }) as const;
const lifted = (registry: Registry, freshness?: FreshnessRules) =>
  only("release-issued", registry.carryThrough(lift(freshness) as never, [1]));

describe("a table of its own", () => {
  test("is said by the release, and by no later one that does not say it again", () => {
    const registry = fleetOf(1);
    expect(lifted(registry, strict).freshness).toEqual(strict);
    expect(lifted(registry)).not.toHaveProperty("freshness");
    expect(lifted(registry, []).freshness).toEqual([]); // none of its rules is a table too
  });

  test("outlasts a wipe, which only erases", () => {
    const registry = fleetOf(1);
    lifted(registry, strict);
    expect(only("release-issued", registry.count("wipe"))).toMatchObject({ wipe: 1, freshness: strict });
  });

  test("is part of what is approved", () => {
    const { view } = fleetOf(1);
    const digest = (freshness?: FreshnessRules) =>
      actDigest(view, { ...lift(freshness), numbers: [1], reason: "story" } as Act, nodeCrypto).join();
    const three = [digest(), digest([]), digest(strict)];
    expect(new Set(three).size).toBe(three.length);
  });

  test("P11: has at most as many rules as a release has room for", () => {
    const rules = (count: number) => Array.from({ length: count }, () => must(strict[0]));
    const ask = (count: number) => {
      const act = { ...lift(rules(count)), numbers: [1], reason: "story" };
      return codeOf(fleetOf(1).ask({ type: "act", id: "a", act }));
    };
    expect([ask(5), ask(4)]).toEqual(["bad-request", "accepted"]);
  });

  test.each([[strict], [[]], [undefined]])("is signed as %j, and read back", async (freshness) => {
    const fleet = await SmallFleet.open();
    const { number } = await fleet.member("SN-1");
    await fleet.carryOut({ ...lift(freshness), numbers: [number], reason: "story" });
    const signed = Release.decode(parseEnvelope(signedOf(fleet.device(number).release)).payload);
    expect(signed.freshness).toEqual(freshness);
    expect(releaseOf(releaseFactOf(signed, "story"), signed.issuedAt)).toEqual(signed);
  });
});

describe("P13: where the release keys are elsewhere", () => {
  const pending = () => {
    const registry = fleetOf(1);
    registry.releaseOnline = false;
    const id = registry.request(lift(strict) as never);
    const [draft] = draftsOf(registry.view, registry.actView(id), registry.context);
    return { registry, id, draft: must(draft) };
  };

  test("their holders sign the table with the release", () => {
    const { registry, id, draft } = pending();
    expect(draft.value).toMatchObject({ subject: 1, freshness: strict, issuedAt: FOUNDED });
    expect(codeOf(submit(registry, draft))).toBe("accepted");
    expect(registry.actView(id).finished).toBe(true);
    expect(registry.device().release?.freshness).toEqual(strict);
  });

  test.each([[undefined], [[]], [strict.slice(1)], [[...strict].reverse()]])(
    "a release with the table %j does not carry out the act",
    (freshness) => {
      const { registry, id, draft } = pending();
      const { freshness: _asked, ...value } = draft.value as Release;
      const other = { name: "release", value: { ...value, ...(freshness && { freshness }) } } as const;
      expect(codeOf(submit(registry, other))).toBe("accepted"); // it is good, and is another one
      expect(registry.actView(id).finished).toBe(false);
    },
  );
});
