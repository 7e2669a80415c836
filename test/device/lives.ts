/**
 * Random happenings for the machine: from the fleet, from strangers, in any order, at any time. They are
 * plain data, so that a life that goes wrong is printed and can be lived again.
 */
import fc from "fast-check";
import { encodeFrame } from "../../protocol/frame.js";
import { LEVELS, type Level } from "../../protocol/level.js";
import {
  ERROR_CODES,
  type ErrorCode,
  ErrorReply,
  SESSION_ROLES,
  type SessionRole,
} from "../../protocol/notice.js";
import type { Bench } from "./bench.js";
import { DAY, entropy, LEASE_SECONDS, Owner } from "./owner.js";
import { certificateReply } from "./questions.js";

/** The fleet of every life. */
export const owner = new Owner();
const stranger = new Owner();

/** A document as it may come. `ahead`: its number, counted from the newest that the device holds. */
interface Paper {
  readonly kind: "directive" | "release" | "beacon";
  readonly genuine: boolean;
  readonly subject: number;
  readonly term: number;
  readonly ahead: number;
  readonly level: Level;
  readonly other: number;
}

/** An answer to what was asked last, with a lease that may be for somebody else, or of another time. */
interface Answer {
  readonly papers: readonly Paper[];
  readonly subject: number;
  readonly term: number;
  readonly earlier: number;
}

export type Happening =
  | { readonly type: "answer"; readonly answer?: Answer }
  | { readonly type: "paper"; readonly paper: Paper }
  | { readonly type: "role"; readonly role: SessionRole }
  | { readonly type: "connected"; readonly door: "front" | "lobby" }
  | { readonly type: "server-refused"; readonly why: "dates" | "chain" }
  | { readonly type: "pass"; readonly seconds: number }
  | { readonly type: "error"; readonly code: ErrorCode; readonly seconds: number; readonly named: boolean }
  | { readonly type: "noise"; readonly bytes: Uint8Array }
  | { readonly type: "held-back"; readonly messages: number }
  | { readonly type: "disconnected" }
  | { readonly type: "reboot" };

const often = <T>(usual: T, ...rare: readonly T[]) => fc.constantFrom(usual, usual, usual, usual, ...rare);
const subject = often(1, 2);
const term = often(1, 0, 2);
const paper: fc.Arbitrary<Paper> = fc.record({
  kind: fc.constantFrom("directive", "release", "release", "beacon" as const),
  genuine: often(true, false),
  subject,
  term,
  ahead: often(1, 0, -1, -3, 2, 5),
  level: fc.constantFrom<Level[]>("none", ...(Object.keys(LEVELS) as Level[])),
  other: fc.nat(3),
});
const answer: fc.Arbitrary<Answer> = fc.record({
  papers: fc.array(paper, { maxLength: 3 }),
  subject,
  term,
  earlier: often(0, 1, 3 * DAY, -DAY),
});
const roles = Object.keys(SESSION_ROLES) as SessionRole[];
const codes = Object.keys(ERROR_CODES) as ErrorCode[];
const type = <T extends Happening["type"]>(name: T) => fc.constant(name);

export const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: type("answer"), answer }) },
  { weight: 5, arbitrary: fc.record({ type: type("answer") }) },
  { weight: 5, arbitrary: fc.record({ type: type("paper"), paper }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: type("role"),
      role: fc.constantFrom("device", "device", "pledge", ...roles),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: type("connected"),
      door: fc.constantFrom("front", "front", "lobby" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: type("server-refused"), why: fc.constantFrom("dates", "chain" as const) }),
  },
  { weight: 3, arbitrary: fc.record({ type: type("pass"), seconds: fc.nat(120) }) },
  { weight: 2, arbitrary: fc.record({ type: type("pass"), seconds: fc.nat(12 * DAY) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: type("error"),
      code: fc.constantFrom(...codes),
      seconds: fc.nat(3600),
      named: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: type("noise"), bytes: fc.uint8Array({ maxLength: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ type: type("held-back"), messages: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ type: type("disconnected") }) },
  { weight: 1, arbitrary: fc.record({ type: type("reboot") }) },
);

/** @throws ProtocolError when what came does not prove itself. */
export function happens(bench: Bench, what: Happening): void {
  switch (what.type) {
    case "answer":
      return void (what.answer ? answered(bench, what.answer) : bench.answer());
    case "paper":
      return void bench.receive(written(bench, what.paper));
    case "role":
      return void bench.notice(what.role);
    case "pass":
      return void bench.pass(what.seconds);
    case "error": {
      const nonce = what.named ? { nonce: entropy(16) } : {};
      const value = { code: what.code, retryAfterSeconds: what.seconds, ...nonce };
      return void bench.receive(encodeFrame(ErrorReply, value));
    }
    case "noise":
      return void bench.receive(what.bytes);
    case "reboot":
      return bench.reboot();
    default:
      return void bench.feed(what);
  }
}

function answered(bench: Bench, { papers, subject, term, earlier }: Answer): void {
  const asked = bench.sent().length > 0 ? bench.asked() : { kind: "receipt" as const };
  const time = [term, owner.now - earlier] as const;
  switch (asked.kind) {
    case "receipt":
      return;
    case "time":
      return void bench.receive(owner.time(asked.value.nonce, { time }));
    case "sync": {
      const goodUntil = owner.now + LEASE_SECONDS - earlier;
      const lease = owner.lease(asked.value, { subject, time, goodUntil });
      return void bench.receive(owner.syncReply(asked.value, documents(bench, papers), lease));
    }
    default:
      return void bench.receive(certificateReply(asked.value, owner, documents(bench, papers)));
  }
}

const documents = (bench: Bench, papers: readonly Paper[]) => papers.map((paper) => written(bench, paper));

function written({ state }: Bench, { kind, genuine, subject, term, ahead, level, other }: Paper): Uint8Array {
  const by = genuine ? owner : stranger;
  const { directive, release, beacon } = state.held;
  const about = Math.max(directive?.value.version[1] ?? 0, release?.value.version[1] ?? 0);
  const n = Math.max(0, (kind === "beacon" ? (beacon?.value.version[1] ?? 0) : about) + ahead);
  const version = [term, n] as const;
  switch (kind) {
    case "directive":
      return by.directive(subject, n, level === "revoked" ? "none" : level, { version, issuedAt: other });
    case "release":
      return by.release(subject, n, level, { version, ...(other > 0 ? { clearedAlarms: [other] } : {}) });
    case "beacon":
      return by.beacon(n, { version, denied: other });
  }
}
