/** Acts that let a device do what it may not do by itself: who must agree, to what, and what comes of it. */
import { beforeEach, describe, expect, test } from "vitest";
import { draftsOf } from "../../fleet/drafts.js";
import { type Act, toBase64Url } from "../../fleet/events.js";
import { freshKey, must } from "./fixtures.js";
import { birth, certify, codeOf, fleetOf, type Registry, types } from "./registry-rig.js";
import { submit } from "./signed-elsewhere.js";

const ticketKey = () => toBase64Url(freshKey("Ed25519").publicKey.bytes);

let registry: Registry;
/** 1 and 2 are suspected and want to come back; 3 is like any other device. */
beforeEach(() => {
  registry = fleetOf(3, { returns: "ask" });
  for (const number of [1, 2]) {
    suspect(number);
    registry.happen({ type: "return-requested", number });
  }
});
const suspect = (number: number) => registry.happen({ type: "clone-suspected", number, shown: 1, newest: 2 });

const ask = (act: object) =>
  codeOf(registry.ask({ type: "act", id: "a", act: { reason: "story", ...act } as Act }));

const acts = [
  ["vouch", {}, "device-vouched"],
  ["readmit", {}, "return-approved"],
  ["ticket", { key: ticketKey() }, "ticket-issued"],
] as const;

describe("P13: it lowers, so one person alone", () => {
  test.each(acts)("may not %s", (kind, more, fact) => {
    const id = registry.request({ kind, ...more } as never);
    expect(registry.carryOut()).toEqual([]);
    expect(codeOf(registry.approve(id, "operator"))).toBe("denied");
    expect(codeOf(registry.approve(id))).toBe("accepted");
    expect(types(registry.carryOut())).toEqual([fact]);
    expect(registry.actView(id).finished).toBe(true);
    expect(registry.device()).toMatchObject({ level: "none", lowestGeneration: 1 });
  });

  test.each(acts)(
    "may not %s, where the release keys are elsewhere: their holders approve it",
    (kind, more) => {
      registry.releaseOnline = false;
      const id = registry.request({ kind, ...more } as never);
      expect(codeOf(registry.approve(id))).toBe("approval-needed");
      const [draft, ...others] = draftsOf(registry.view, registry.actView(id), registry.context);
      expect([draft?.name, others]).toEqual(["approval", []]);
      expect(codeOf(submit(registry, must(draft)))).toBe("accepted");
      expect(registry.carryOut()).toHaveLength(1); // the server needs no key for it
    },
  );

  test("suspicion ends for each that is named, and for no other number of its hardware", () => {
    registry.facts(birth(4, "hw-1"));
    suspect(4);
    registry.carryThrough({ kind: "vouch" }, [1, 2]);
    const suspected = [1, 2, 4].filter((number) => registry.device(number).suspectedAt !== undefined);
    expect(suspected).toEqual([4]);
  });

  test("a ticket is good from when it was approved, for as long as the policy says", () => {
    const id = registry.request({ kind: "ticket", key: ticketKey() } as never, [3]);
    registry.now += 3600;
    registry.approve(id);
    registry.carryOut();
    expect(registry.device(3).ticket?.expiresAt).toBe(registry.now + registry.policy.ticketSeconds);
  });
});

describe("is refused, whole", () => {
  const lowOrder = toBase64Url(new Uint8Array(32));
  const rows: readonly (readonly [string, object, string])[] = [
    ["to vouch for a device that nobody suspects", { kind: "vouch", numbers: [1, 3] }, "conflict"],
    ["to let back a device that does not ask", { kind: "readmit", numbers: [2, 3] }, "conflict"],
    ["one ticket for two devices", { kind: "ticket", numbers: [1, 2], key: ticketKey() }, "bad-request"],
    ["a ticket for no device", { kind: "ticket", numbers: [], key: ticketKey() }, "bad-request"],
    [
      "a ticket of a key that any signature fits",
      { kind: "ticket", numbers: [1], key: lowOrder },
      "bad-request",
    ],
    [
      "a ticket of a key of another kind",
      { kind: "ticket", numbers: [1], key: toBase64Url(freshKey().publicKey.bytes) },
      "bad-request",
    ],
    [
      "a ticket for a device that nobody knows",
      { kind: "ticket", numbers: [9], key: ticketKey() },
      "not-found",
    ],
    ["to vouch without a reason", { kind: "vouch", numbers: [1], reason: " " }, "bad-request"],
  ];
  test.each(rows)("%s", (_, act, code) => {
    const before = structuredClone(registry.view);
    expect(ask(act)).toBe(code);
    expect(registry.view).toEqual(before);
  });

  test.each(acts)("to %s for what was revoked, or given away", (kind, more) => {
    registry.act("hold", "revoked", [1]);
    const link = { hardwareId: "", deviceKey: "", previous: "", owner: "", index: 1, level: "none" } as const;
    registry.happen({ type: "device-transferred", number: 2, act: "other", ...link });
    expect([ask({ kind, ...more, numbers: [1] }), ask({ kind, ...more, numbers: [2] })]).toEqual([
      "conflict",
      "conflict",
    ]);
  });
});

describe("an approval is for what was seen", () => {
  test("not for a suspicion that came after the first had ended", () => {
    const id = registry.request({ kind: "vouch" });
    const seen = registry.digest(id);
    registry.happen({ type: "device-vouched", number: 1, act: "other" });
    expect(codeOf(registry.approve(id))).toBe("conflict");
    registry.now += 1;
    suspect(1);
    expect(codeOf(registry.approve(id, "approver", seen))).toBe("conflict");
    expect(codeOf(registry.approve(id))).toBe("accepted");
  });

  test("not for a return after the one that was asked for", () => {
    const id = registry.request({ kind: "readmit" });
    const seen = registry.digest(id);
    registry.happen({ type: "device-vouched", number: 1, act: "other" });
    registry.facts(certify("enroll")); // ends the return
    expect(codeOf(registry.approve(id))).toBe("conflict");
    registry.happen({ type: "return-requested", number: 1 });
    expect(codeOf(registry.approve(id, "approver", seen))).toBe("conflict");
  });

  test("not for another ticket", () => {
    const ids = [ticketKey(), ticketKey()].map((key) => registry.request({ kind: "ticket", key } as never));
    const [first, second] = ids.map((id) => registry.digest(id));
    expect(first).not.toBe(second);
    expect(codeOf(registry.approve(must(ids[0]), "approver", must(second)))).toBe("conflict");
  });
});

test("every device's own part is done once, also after a crash in between", () => {
  const id = registry.request({ kind: "vouch" }, [1, 2]);
  registry.approve(id);
  registry.facts({ type: "follow-up", id, number: 1 });
  expect(codeOf(registry.ask({ type: "follow-up", id, number: 1 }))).toBe("conflict");
  expect(registry.carryOut()).toMatchObject([{ type: "device-vouched", number: 2 }]);
});
