/** A fleet whose release keys are elsewhere: what it drafts, what it takes back, and what it leaves alone. */
import { describe, expect, test } from "vitest";
import { actDigest } from "../../fleet/act-digest.js";
import { type Draft, draftsOf } from "../../fleet/drafts.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Approval } from "../../protocol/approval.js";
import { fromHex } from "../../protocol/bytes.js";
import { FOUNDED, must } from "./fixtures.js";
import { birth, codeOf, fleetOf, range, type Registry, sync, types } from "./registry-rig.js";
import { release, sealed, submit } from "./signed-elsewhere.js";

function offline(count: number): Registry {
  const registry = fleetOf(count);
  registry.releaseOnline = false;
  return registry;
}

const drafts = (registry: Registry, id: string): readonly Draft[] =>
  draftsOf(registry.view, registry.actView(id), registry.context);

describe("P13: what only the release role signs", () => {
  type Ask = (registry: Registry) => string;
  const rows: readonly (readonly [string, Ask, Draft["name"]])[] = [
    ["a release", (registry) => registry.pending("release", "none"), "release"],
    ["a final revocation", (registry) => registry.pending("hold", "revoked"), "release"],
    ["a wipe", (registry) => registry.request({ kind: "count", count: "wipe" }), "release"],
    [
      "the removal of an advisory",
      (registry) => {
        registry.advise("number = 2", "observe");
        return registry.request({ kind: "unadvise", id: 1 }, []);
      },
      "advisory-removal",
    ],
  ];
  test.each(rows)("%s is not approved by a second token, and nothing is tried here", (_, ask, name) => {
    const registry = offline(2);
    const id = ask(registry);
    expect(codeOf(registry.approve(id))).toBe("approval-needed");
    expect(registry.carryOut()).toEqual([]);
    const [draft] = drafts(registry, id);
    expect(draft?.name).toBe(name);
    expect(codeOf(submit(registry, must(draft)))).toBe("accepted");
    expect(registry.actView(id).finished).toBe(true);
    expect(drafts(registry, id)).toEqual([]);
  });

  test.each(rows)(
    "%s, approved while the keys were here, waits for those who have them now",
    (_, ask, name) => {
      const registry = fleetOf(2);
      const id = ask(registry);
      expect(codeOf(registry.approve(id))).toBe("accepted");
      registry.releaseOnline = false;
      expect(registry.carryOut()).toEqual([]);
      expect(codeOf(registry.ask({ type: "follow-up", id, number: 1 }))).toBe("conflict");
      registry.now += registry.policy.approvalSeconds + 1;
      expect(drafts(registry, id).map((draft) => draft.name)).toEqual([name]);
    },
  );

  test.each(rows)("%s has no draft where the server signs itself, or after it ran out", (_, ask) => {
    const registry = fleetOf(2);
    const id = ask(registry);
    expect(drafts(registry, id)).toEqual([]);
    registry.releaseOnline = false;
    registry.now += registry.policy.approvalSeconds;
    expect(drafts(registry, id)).toHaveLength(1);
    registry.now += 1;
    expect(drafts(registry, id)).toEqual([]);
  });
});

describe("drafts of a release", () => {
  test("P7: are one for each number of the hardware that is open, the same whenever they are drawn up", () => {
    const registry = offline(2);
    registry.facts(birth(3, "hw-1"));
    registry.facts(sync({ alarms: [{ id: 7, kind: "tamper" }] }));
    const id = registry.pending("release", "observe", [1]);
    const first = drafts(registry, id);
    registry.now += 60;
    expect(drafts(registry, id)).toEqual(first);
    expect(first.map(({ value }) => value)).toEqual([
      { subject: 1, version: [1, 3], level: "observe", clearedAlarms: [7], issuedAt: FOUNDED },
      { subject: 3, version: [1, 3], level: "observe", issuedAt: FOUNDED },
    ]);
    submit(registry, must(first[0]));
    expect(registry.actView(id)).toMatchObject({ done: new Set([1]), finished: false });
    expect(drafts(registry, id)).toEqual([first[1]]);
    submit(registry, must(first[1]));
    expect(registry.actView(id).finished).toBe(true);
    expect([registry.device(1).level, registry.device(3).level]).toEqual(["observe", "observe"]);
  });

  test("are refused when a hold came in between, and the hold stands", () => {
    const registry = offline(1);
    registry.act("hold", "restrict");
    const id = registry.pending("release", "none");
    const [draft] = drafts(registry, id);
    registry.act("hold", "isolate");
    expect(codeOf(submit(registry, must(draft)))).toBe("conflict");
    expect(registry.device().level).toBe("isolate");
    expect(codeOf(submit(registry, must(drafts(registry, id)[0])))).toBe("accepted");
    expect(registry.device().level).toBe("none");
  });

  test("the fact carries the signed bytes and names the act; its reason is the act's", () => {
    const registry = offline(1);
    const id = registry.pending("release", "none");
    const [draft] = drafts(registry, id);
    const decision = submit(registry, must(draft));
    expect(decision).toMatchObject({ accepted: true });
    expect(registry.device().release).toMatchObject({
      act: id,
      reason: "story",
      actor: "quorum",
      signed: sealed(must(draft)),
    });
  });

  const others: readonly (readonly [string, object])[] = [
    ["another level", { level: "observe" }],
    ["a wipe that nobody asked for", { wipe: 1 }],
  ];
  test.each(others)("a release with %s carries out no act", (_, change) => {
    const registry = offline(1);
    const id = registry.pending("release", "none");
    expect(codeOf(submit(registry, { name: "release", value: { ...release, ...change } }))).toBe("accepted");
    expect(registry.actView(id).finished).toBe(false);
    expect(registry.device().release).not.toHaveProperty("act");
  });
});

describe("a mass act", () => {
  const mass = (registry: Registry) => registry.pending("hold", "isolate", range(11));
  const approval = (registry: Registry, id: string) => {
    const [draft] = drafts(registry, id);
    if (draft?.name !== "approval") throw new Error("no approval was drafted");
    return draft;
  };

  test("P13: is in force with the quorum's approval, and not with a second token's", () => {
    const registry = offline(11);
    const id = mass(registry);
    expect(codeOf(registry.approve(id))).toBe("approval-needed");
    expect(codeOf(submit(registry, approval(registry, id)))).toBe("accepted");
    expect(registry.actView(id)).toMatchObject({ approvedBy: "quorum" });
    expect(registry.carryOut()).toHaveLength(11);
  });

  test("is approved once; the same again changes nothing", () => {
    const registry = offline(11);
    const draft = approval(registry, mass(registry));
    submit(registry, draft);
    expect(submit(registry, draft)).toMatchObject({ accepted: true, facts: [] });
  });

  /** An approval that is right in all but that nobody needs it. */
  const of = (registry: Registry, value: Approval, id: string): Approval => {
    const digest = actDigest(registry.view, registry.actView(id).act, nodeCrypto);
    return { ...value, act: fromHex(id), digest };
  };

  type Change = (registry: Registry, value: Approval, id: string) => Approval | void;
  const rows: readonly (readonly [string, Change, string])[] = [
    ["with another digest", (_, value) => ({ ...value, digest: new Uint8Array(32) }), "conflict"],
    ["for nobody's request", (_, value) => ({ ...value, act: new Uint8Array(8) }), "not-found"],
    ["that ran out itself", (registry, value) => ({ ...value, expiresAt: registry.now - 1 }), "conflict"],
    [
      "after the request ran out",
      (registry, value) => {
        registry.now += registry.policy.approvalSeconds + 1;
        return { ...value, expiresAt: registry.now };
      },
      "conflict",
    ],
    [
      "after one of the devices was revoked",
      (registry) => {
        const [draft] = drafts(registry, registry.pending("hold", "revoked"));
        submit(registry, must(draft));
      },
      "conflict",
    ],
    [
      "of what needs a signed release",
      (registry, value) => of(registry, value, registry.pending("release", "none")),
      "conflict",
    ],
    [
      "of what needs none",
      (registry, value) => of(registry, value, registry.pending("hold", "observe")),
      "conflict",
    ],
  ];
  test.each(rows)("an approval is refused %s", (_, change, code) => {
    const registry = offline(11);
    const id = mass(registry);
    const { value } = approval(registry, id);
    const changed = change(registry, value, id) ?? value;
    expect(codeOf(submit(registry, { name: "approval", value: changed }))).toBe(code);
    expect(registry.actView(id)).not.toHaveProperty("approvedBy");
  });
});

describe("P7: a birth of revoked hardware, while nobody here can revoke", () => {
  test("is isolated until the quorum has revoked it too", () => {
    const registry = fleetOf(1);
    registry.act("hold", "revoked");
    registry.releaseOnline = false;
    expect(types(registry.facts(birth(2, "hw-1")))).toEqual(["device-imported", "directive-issued"]);
    expect(registry.device(2).level).toBe("isolate");
    const value = { ...release, subject: 2, version: [1, 2], level: "revoked" };
    expect(codeOf(submit(registry, { name: "release", value }))).toBe("accepted");
    expect(registry.device(2).level).toBe("revoked");
  });
});
