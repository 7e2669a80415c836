/** A device that waits for an answer, and how little a stranger can do to it meanwhile (P1, P11). */
import { describe, expect, test } from "vitest";
import { encodeFrame } from "../../protocol/frame.js";
import { ERROR_CODES, type ErrorCode, ErrorReply } from "../../protocol/notice.js";
import type { Bench } from "./bench.js";
import { entropy } from "./owner.js";
import { KINDS, nonceOf, waiting } from "./waiting.js";

const HOUR_MS = 3_600_000;

test.each(KINDS)("the questions stand as they are meant here: %s", (kind) => {
  const bench = waiting(kind);
  expect(bench.asked().kind).toBe(kind);
  expect(bench.state.job?.sent?.tries).toBe(1);
});

describe("an error", () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  const error = (
    bench: Bench,
    code: ErrorCode,
    nonce: "its" | "none" | "another",
    retryAfterSeconds?: number,
  ) =>
    bench.receive(
      encodeFrame(ErrorReply, {
        code,
        ...(nonce === "none" ? {} : { nonce: nonce === "its" ? nonceOf(bench.asked()) : entropy(16) }),
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      }),
    );

  /** Where another question helps, it is asked: refusals.test.ts. */
  const STEERED: readonly string[] = [
    "renew expired",
    "renew not-enrolled",
    "return not-enrolled",
    "sync denied",
    "renew denied",
    "return denied",
    "enroll denied",
  ];
  const delayed = KINDS.flatMap((kind) => codes.map((code) => [kind, code] as const));
  test.each(delayed.filter((cell) => !STEERED.includes(cell.join(" "))))(
    "delays a %s at most: %s",
    (kind, code) => {
      for (const nonce of ["its", "none"] as const) {
        const bench = waiting(kind);
        const { record, reported } = bench.state;
        const before = bench.sent().length;
        const effects = error(bench, code, nonce, 60);
        const told = code === "not-allowed" ? [] : ["refused-request"];
        expect(effects.map(({ type }) => type)).toEqual([...told, "wake"]);
        expect(bench.state.record).toBe(record);
        expect(bench.state.reported).toBe(reported);
        bench.pass(code === "not-allowed" ? 29 : 59);
        expect(bench.sent()).toHaveLength(before);
        bench.pass(1);
        expect(bench.sent()).toHaveLength(before + 1);
        expect(bench.asked().kind).toBe(kind); // asks the same again
      }
    },
  );

  test.each(codes)("for another question does nothing at all: %s", (code) => {
    const bench = waiting("sync");
    const { state } = bench;
    error(bench, code, "another", 3600);
    expect(bench.state).toEqual(state);
  });

  test("nobody asked for does nothing: to a device with no question", () => {
    const bench = waiting("sync");
    bench.answer();
    const { state } = bench;
    for (const code of codes) error(bench, code, "none", 3600);
    expect(bench.state).toEqual(state);
  });

  test("P11: cannot ask for more than an hour, whatever number came through", () => {
    const bench = waiting("sync");
    const value = { code: "retry-later", retryAfterSeconds: 10 ** 9 } as const;
    bench.feed({ type: "received", message: { name: "error", value } });
    expect(bench.state.session?.quietUntilMs).toBe(bench.atMs + HOUR_MS);
  });

  test("P11: again and again delays ever longer, and never by more than an hour", () => {
    const bench = waiting("sync");
    const pauses = Array.from({ length: 40 }, () => {
      error(bench, "retry-later", "its");
      const pauseMs = (bench.state.session?.quietUntilMs ?? 0) - bench.atMs;
      bench.pass(pauseMs / 1000);
      return pauseMs;
    });
    expect(pauses.slice(0, 4)).toEqual([2_000, 4_000, 8_000, 16_000]);
    expect(Math.max(...pauses)).toBe(HOUR_MS);
    bench.answer();
    expect(bench.state.speaking).toBe(true);
    expect(bench.state.session).toMatchObject({ fruitless: 0, quietUntilMs: 0 });
  });
});

describe("no answer", () => {
  test.each(KINDS)(
    "to a %s: the very same bytes again after 30 s, three times in all, then a new connection",
    (kind) => {
      const bench = waiting(kind);
      const before = bench.sent().length;
      const first = bench.sent().at(-1);
      for (const tries of [1, 2]) {
        bench.pass(29);
        expect(bench.sent()).toHaveLength(before + tries - 1);
        bench.pass(1);
        expect(bench.sent()).toHaveLength(before + tries);
        expect(bench.sent().at(-1)).toEqual(first);
      }
      expect(bench.pass(30).map(({ type }) => type)).toContain("reconnect");
      expect(bench.sent()).toHaveLength(before + 2);
      expect(bench.state.session).toBeUndefined();
    },
  );

  test("it wakes up for it by itself", () => {
    const bench = waiting("sync");
    const wakes = bench.steps.at(-1)?.effects.flatMap((e) => (e.type === "wake" ? [e.atMs] : []));
    expect(wakes).toEqual([bench.atMs + 30_000]);
  });
});

describe("the gateway names a role", () => {
  test.each(KINDS)("the same again: a %s on its way goes on", (kind) => {
    const bench = waiting(kind);
    const { state } = bench;
    const sent = bench.sent().length;
    if (state.session?.role) bench.notice(state.session.role, "ok");
    expect(bench.state).toEqual(state);
    expect(bench.sent()).toHaveLength(sent);
  });

  test("another one: it asks for what the new role may have, and an answer to the old question is late", () => {
    const bench = waiting("sync");
    const old = bench.asked();
    if (old.kind !== "sync") throw new Error("it waits for a sync");
    bench.notice("pledge", "expired");
    expect(bench.asked().kind).toBe("return");
    bench.receive(bench.owner.syncReply(old.value));
    expect(bench.state.session?.synced).toBe(false);
    expect(bench.state.held.lease).toBeUndefined();
  });
});
