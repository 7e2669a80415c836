/** Each error code, and what the device does next and tells its firmware (P9): the whole table. */
import { describe, expect, test } from "vitest";
import type { NextStep } from "../../device/refusals.js";
import { encodeFrame } from "../../protocol/frame.js";
import { ERROR_CODES, type ErrorCode, ErrorReply } from "../../protocol/notice.js";
import { Bench } from "./bench.js";
import { entropy, Owner } from "./owner.js";
import { readQuestion } from "./questions.js";
import { type KINDS, nonceOf, waiting } from "./waiting.js";

const refuse = (bench: Bench, code: ErrorCode, retryAfterSeconds?: number) =>
  bench.receive(
    encodeFrame(ErrorReply, {
      nonce: nonceOf(bench.asked()),
      code,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    }),
  );

const NEXT: Readonly<Record<Exclude<ErrorCode, "not-allowed">, NextStep>> = {
  malformed: "none",
  denied: "none",
  "pending-import": "wait-for-operator",
  held: "wait-for-operator",
  revoked: "none",
  "retry-later": "retry",
  "fleet-unreachable": "retry",
  "approval-pending": "wait-for-operator",
  expired: "return",
  suspected: "wait-for-operator",
  superseded: "ticket",
  "bad-ticket": "ticket",
  "not-enrolled": "enroll",
};

test("there is a row for each code but the one that a notice follows", () => {
  expect(Object.keys(NEXT)).toEqual(Object.keys(ERROR_CODES).filter((code) => code !== "not-allowed"));
});

const told = (bench: Bench, code: ErrorCode) =>
  refuse(bench, code, 60).filter(({ type }) => type === "refused-request");

test.each(Object.entries(NEXT))("%s: the firmware is told that %s comes next", (code, next) => {
  const request = code === "denied" ? "enroll" : "return"; // a return that is denied is told below
  expect(told(waiting(request), code as ErrorCode)).toEqual([
    { type: "refused-request", request, code, next, retryAfterSeconds: 60 },
  ]);
});

describe("what it asks for next", () => {
  type Kind = (typeof KINDS)[number];
  test.each<[Kind, ErrorCode, Kind]>([
    ["return", "approval-pending", "return"],
    ["return", "superseded", "return"],
    ["return", "suspected", "return"],
    ["return", "not-enrolled", "enroll"],
    ["return", "denied", "enroll"],
    ["enroll", "denied", "enroll"],
    ["enroll", "not-enrolled", "enroll"],
    ["enroll", "pending-import", "enroll"],
    ["sync", "superseded", "sync"],
    ["renew", "held", "renew"],
    ["renew", "suspected", "renew"],
  ])("a %s refused as %s: a %s after the pause", (kind, code, next) => {
    const bench = waiting(kind);
    const sent = bench.sent().length;
    refuse(bench, code, 60);
    bench.pass(59);
    expect(bench.sent()).toHaveLength(sent);
    bench.pass(1);
    expect(bench.asked().kind).toBe(next);
  });

  test.each(["expired", "not-enrolled"] as const)(
    "a renewal refused as %s: it comes back with its IDevID, for a return",
    (code) => {
      const bench = waiting("renew");
      const { record } = bench.state;
      expect(refuse(bench, code).map(({ type }) => type)).toContain("reconnect");
      expect(bench.state.asPledge).toBe(true);
      expect(bench.state.record).toBe(record);
      bench.connect("pledge");
      expect(bench.asked().kind).toBe("return");
      bench.answer();
      expect(bench.state.asPledge).toBe(false);
      expect(bench.disk.request).toBeUndefined();
    },
  );

  test("a return refused as not-enrolled: it enrolls, also after a reboot, and forgets the return", () => {
    const bench = waiting("return");
    refuse(bench, "not-enrolled");
    bench.pass(2);
    expect(bench.asked().kind).toBe("enroll");
    bench.reboot();
    bench.connect("pledge");
    expect(bench.asked().kind).toBe("enroll");
    bench.answer();
    expect(bench.disk.request).toBeUndefined();
  });

  test("an operator has to agree first: the same request until then, with the same nonce and key", () => {
    const bench = waiting("return");
    const first = bench.asked();
    for (let asked = 0; asked < 3; asked++) {
      refuse(bench, "approval-pending", 3600);
      bench.pass(3600);
      if (asked === 1) {
        bench.reboot();
        bench.connect("pledge");
      }
      expect(bench.asked().value).toMatchObject({ nonce: nonceOf(first), publicKey: bench.made.at(-1) });
    }
    bench.answer();
    expect(bench.disk.ldevid).toBeDefined();
  });

  test("P11: keys that count no more are shown ever more seldom, and once an hour at least", () => {
    const bench = waiting("return");
    const pauses = Array.from({ length: 20 }, () => {
      refuse(bench, "superseded");
      const pauseSeconds = ((bench.state.session?.quietUntilMs ?? 0) - bench.atMs) / 1000;
      bench.pass(pauseSeconds);
      return pauseSeconds;
    });
    expect(pauses.slice(0, 3)).toEqual([2, 4, 8]);
    expect(Math.max(...pauses)).toBe(3600);
  });
});

describe("denied", () => {
  test.each(["sync", "renew"] as const)("a %s by an LDevID: it comes back with its IDevID, once", (kind) => {
    const bench = waiting(kind);
    const { record } = bench.state;
    expect(told(bench, "denied")).toMatchObject([{ request: kind, next: "return" }]);
    expect(bench.state.asPledge).toBe(true);
    expect(bench.state.record).toBe(record);
    bench.connect("held"); // signs with the key that it comes with
    const byIdevid = readQuestion(bench.sent().at(-1)!, [bench.made[0]!], bench.owner);
    expect(byIdevid.kind).toBe("sync");
    const left = refuse(bench, "denied").filter(({ type }) => type === "reconnect");
    expect([left, bench.state.asPledge]).toEqual([[], true]);
    bench.connect("pledge");
    expect(bench.asked().kind).toBe("return");
    bench.answer();
    expect(bench.state.asPledge).toBe(false);
  });

  test("a device without an LDevID has nothing to come back from", () => {
    const bench = new Bench(new Owner()).timed();
    bench.connect("held");
    expect(told(bench, "denied")).toMatchObject([{ request: "sync", next: "none" }]);
    expect(bench.state.asPledge).toBe(false);
  });

  test.each(["return", "enroll"] as const)(
    "a %s: asked with a new nonce and key, the old one goes",
    (kind) => {
      const bench = waiting(kind);
      const [before, key] = [nonceOf(bench.asked()), bench.disk.request!.key];
      refuse(bench, "denied");
      expect([...bench.keys.keys()]).not.toContain(key);
      bench.pass(2);
      expect(nonceOf(bench.asked())).not.toEqual(before);
      bench.answer();
      expect(bench.disk.ldevid?.key).toBe(bench.state.record.ldevid?.key);
      expect(bench.disk.request).toBeUndefined();
    },
  );

  test("after a re-enrollment the base key says more than a birth: it returns", () => {
    const bench = waiting("sync");
    bench.feed({ type: "ticket", ticket: entropy(32) });
    bench.answer(); // to the sync
    bench.answer(); // new keys
    expect(bench.disk.base).toBeDefined();
    bench.connect("pledge");
    expect(bench.asked().kind).toBe("return");
    expect(told(bench, "denied")).toMatchObject([{ request: "return", next: "none" }]);
    bench.pass(60);
    expect(bench.asked().kind).toBe("return");
  });
});
