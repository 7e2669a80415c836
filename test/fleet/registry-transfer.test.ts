/** A device is given away where the transfer keys are elsewhere: what is drafted, and which link is taken back. */
import { beforeEach, describe, expect, test } from "vitest";
import { actDigest } from "../../fleet/act-digest.js";
import { type Draft, draftsOf } from "../../fleet/drafts.js";
import { fromBase64Url, toBase64Url } from "../../fleet/events.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { fromHex } from "../../protocol/bytes.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { Voucher } from "../../protocol/voucher.js";
import { FOUNDED, must } from "./fixtures.js";
import { birth, codeOf, only, Registry, sync } from "./registry-rig.js";
import { sealed, submit } from "./signed-elsewhere.js";

const owner = new Uint8Array(32).fill(7);
const give = { kind: "give", owner: toBase64Url(owner) } as const;

/** With link 0 of its voucher. */
function born(number: number, hardware?: string) {
  const { birth: papers } = birth(number, hardware);
  const hardwareId = fromBase64Url(papers.hardwareId);
  const deviceKey = nodeCrypto.sha256(fromBase64Url(papers.key.bytes));
  const value = { hardwareId, deviceKey, index: 0, owner, level: "none", issuedAt: FOUNDED } as const;
  return { type: "import", birth: { ...papers, voucher: sealed({ name: "voucher", value }) } } as const;
}

let registry: Registry;
beforeEach(() => {
  registry = new Registry();
  registry.facts(born(1));
  [registry.releaseOnline, registry.transferOnline] = [false, false];
});

const drafts = (id: string): readonly Draft[] =>
  draftsOf(registry.view, registry.actView(id), registry.context);
function linkFor(id: string): { readonly name: "voucher"; readonly value: Voucher } {
  const [draft] = drafts(id);
  if (draft?.name !== "voucher") throw new Error("no link was drafted");
  return draft;
}
const asked = () => registry.request(give);
/** As if the release keys were here. */
function hold(level: "observe" | "isolate" | "revoked"): void {
  registry.releaseOnline = true;
  registry.act("hold", level);
  registry.releaseOnline = false;
}

describe("P13: the link", () => {
  test("is drafted, the same at any time, and says what stands at that moment", () => {
    registry.facts(born(2, "hw-1"));
    const id = asked();
    const first = linkFor(id);
    registry.now += 60;
    expect(linkFor(id)).toEqual(first);
    const before = parseEnvelope(fromBase64Url(registry.device().birth.voucher)).payload;
    const { hardwareId, deviceKey } = Voucher.decode(before);
    const follows = { index: 1, previous: nodeCrypto.sha256(before) };
    const value = { hardwareId, deviceKey, ...follows, owner, level: "none", issuedAt: FOUNDED };
    expect(first.value).toEqual(value);
    registry.facts(sync({ number: 2, alarms: [{ id: 1, kind: "tamper" }] })); // of the same hardware (P7)
    expect(linkFor(id).value).toEqual({ ...value, level: "isolate" });
  });

  test("takes no second token, and no approval: its signatures are that", () => {
    const id = asked();
    expect(codeOf(registry.approve(id))).toBe("approval-needed");
    const digest = actDigest(registry.view, registry.actView(id).act, nodeCrypto);
    const approval = { act: fromHex(id), digest, expiresAt: registry.now + 60 };
    expect(codeOf(submit(registry, { name: "approval", value: approval }))).toBe("conflict");
    expect(registry.carryOut()).toEqual([]);
    expect(registry.device().transferred).toBeUndefined();
    const decision = submit(registry, linkFor(id));
    const fact = only("device-transferred", decision.accepted ? decision.facts : []);
    expect(fact).toMatchObject({ number: 1, index: 1, level: "none", act: id });
    expect(registry.device().transferred).toMatchObject({ actor: "quorum", owner: give.owner });
    expect(registry.actView(id).finished).toBe(true);
    expect(drafts(id)).toEqual([]);
  });

  test("that was taken changes nothing when it comes again; another one of its number is refused", () => {
    const link = linkFor(asked());
    submit(registry, link);
    expect(submit(registry, link)).toMatchObject({ accepted: true, facts: [] });
    for (const change of [{ level: "observe" }, { owner: new Uint8Array(32) }] as const)
      expect(codeOf(submit(registry, { ...link, value: { ...link.value, ...change } }))).toBe("conflict");
  });

  test("P7: that says less than stands by now is refused, and drawn up again; more may be said", () => {
    const id = asked();
    const early = linkFor(id);
    hold("isolate");
    expect(codeOf(submit(registry, early))).toBe("conflict");
    expect(registry.device().transferred).toBeUndefined();
    const late = linkFor(id);
    registry.releaseOnline = true;
    registry.act("release", "none");
    registry.releaseOnline = false;
    expect(codeOf(submit(registry, late))).toBe("accepted");
    expect(registry.device().transferred?.level).toBe("isolate");
  });

  const others: readonly (readonly [string, Partial<Voucher>, string])[] = [
    ["to another owner", { owner: new Uint8Array(32).fill(8) }, "conflict"],
    ["of a later number", { index: 2 }, "conflict"],
    ["after another one", { previous: new Uint8Array(32) }, "conflict"],
    ["for other hardware", { hardwareId: Uint8Array.of(1) }, "not-found"],
    ["for another key", { deviceKey: new Uint8Array(32) }, "not-found"],
  ];
  test.each(others)("%s is refused", (_, change, code) => {
    const link = linkFor(asked());
    expect(codeOf(submit(registry, { ...link, value: { ...link.value, ...change } }))).toBe(code);
    expect(registry.device().transferred).toBeUndefined();
  });

  test("that nobody asked for, or for which the request ran out, is refused", () => {
    const id = asked();
    const link = linkFor(id);
    registry.now += registry.policy.approvalSeconds + 1;
    expect(drafts(id)).toEqual([]);
    expect(codeOf(submit(registry, link))).toBe("conflict");
    expect(codeOf(submit(registry, linkFor(asked())))).toBe("accepted");
  });

  test("of a device that was revoked meanwhile is refused, and none is drafted", () => {
    const id = asked();
    const link = linkFor(id);
    hold("revoked");
    expect(codeOf(submit(registry, { ...link, value: { ...link.value, level: "revoked" } }))).toBe(
      "conflict",
    );
    expect(drafts(id)).toEqual([]);
  });
});

test("approved while the transfer key was here, a request waits for those who have it now", () => {
  [registry.releaseOnline, registry.transferOnline] = [true, true];
  const id = asked();
  expect(drafts(id)).toEqual([]);
  expect(codeOf(registry.approve(id))).toBe("accepted");
  registry.transferOnline = false;
  registry.now += registry.policy.approvalSeconds + 1;
  expect(registry.carryOut()).toEqual([]);
  expect(codeOf(submit(registry, linkFor(id)))).toBe("accepted");
});

test("with only the transfer keys elsewhere, a second token does not give a device away", () => {
  registry.releaseOnline = true;
  const id = asked();
  expect(codeOf(registry.approve(id))).toBe("approval-needed");
  expect(codeOf(submit(registry, linkFor(id)))).toBe("accepted");
});

test("with only the release keys elsewhere, their holders approve, and the server signs the link", () => {
  registry.transferOnline = true;
  const id = asked();
  const [draft] = drafts(id);
  expect(draft?.name).toBe("approval");
  expect(codeOf(submit(registry, must(draft)))).toBe("accepted");
  expect(only("device-transferred", registry.carryOut()).act).toBe(id);
});
