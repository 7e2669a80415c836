/**
 * Random happenings for the machine: from the fleet, from strangers, in any order, at any time. They are
 * plain data, so that a life that goes wrong is printed and can be lived again.
 */
import fc from "fast-check";
import type { AdvisoryList } from "../../protocol/advisory.js";
import { encodeFrame } from "../../protocol/frame.js";
import { LEVELS, type Level } from "../../protocol/level.js";
import {
  ERROR_CODES,
  type ErrorCode,
  ErrorReply,
  SESSION_ROLES,
  type SessionRole,
} from "../../protocol/notice.js";
import { SyncReply } from "../../protocol/sync.js";
import { NO_VERSION, type Version } from "../../protocol/version.js";
import type { Bench } from "./bench.js";
import { DAY, entropy, LEASE_SECONDS, Owner } from "./owner.js";
import { certificateReply } from "./questions.js";

/** The fleet of every life: its third Authority begins new terms of documents, its fourth one of time. */
export const owner = new Owner();
owner.rotate();
owner.rotate({ terms: ["directive", "advisory", "ledger"] });
owner.rotate({ terms: ["time"], timeBase: owner.now });
const stranger = new Owner();
for (let i = 0; i < 3; i++) stranger.rotate();

/** A document as it may come. `term`, `ahead`: its version, counted from the newest that the device holds. */
interface Paper {
  readonly kind: "directive" | "release" | "beacon" | "advisories" | "removal";
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
  /** Of its lease: what it follows on, counted from the token that the device holds. */
  readonly after: number;
  /** No lease, but the wish to hear the same again. */
  readonly probe: boolean;
}

export type Happening =
  | { readonly type: "answer"; readonly answer?: Answer }
  | { readonly type: "paper"; readonly paper: Paper }
  | { readonly type: "link"; readonly ahead: number; readonly genuine: boolean }
  | { readonly type: "part"; readonly offset: number }
  | { readonly type: "wanted"; readonly what: "challenge" | "receipt" }
  | { readonly type: "ticket"; readonly ticket: Uint8Array }
  | { readonly type: "role"; readonly role: SessionRole }
  | { readonly type: "connected"; readonly door: "front" | "lobby" }
  | { readonly type: "server-refused"; readonly why: "dates" | "chain" }
  | { readonly type: "pass"; readonly seconds: number }
  | { readonly type: "error"; readonly code: ErrorCode; readonly seconds: number; readonly named: boolean }
  | { readonly type: "noise"; readonly bytes: Uint8Array }
  | { readonly type: "held-back"; readonly messages: number }
  | { readonly type: "disconnected" }
  | { readonly type: "reboot" };

/** Secrets that people bring. */
export const TICKETS = [entropy(32), entropy(32)] as const;

const often = <T>(usual: T, ...rare: readonly T[]) => fc.constantFrom(usual, usual, usual, usual, ...rare);
const subject = often(1, 2);
const term = often(0, -1, 1);
const paper: fc.Arbitrary<Paper> = fc.record({
  kind: fc.constantFrom("directive", "release", "release", "beacon", "advisories", "removal" as const),
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
  after: often(0, -1, 1, 2),
  probe: often(false, true),
});
const roles = Object.keys(SESSION_ROLES) as SessionRole[];
const codes = Object.keys(ERROR_CODES) as ErrorCode[];
const type = <T extends Happening["type"]>(name: T) => fc.constant(name);

export const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: type("answer"), answer }) },
  { weight: 5, arbitrary: fc.record({ type: type("answer") }) },
  { weight: 5, arbitrary: fc.record({ type: type("paper"), paper }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: type("link"), ahead: often(1, 0, -1, 2), genuine: often(true, false) }),
  },
  { weight: 1, arbitrary: fc.record({ type: type("part"), offset: often(0, 1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: type("wanted"),
      what: fc.constantFrom("challenge", "receipt" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: type("ticket"), ticket: fc.constantFrom(...TICKETS) }) },
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
    case "link": {
      const links = what.genuine ? owner.links : stranger.links;
      const link = links[bench.state.held.trust.authority.value.version - 2 + what.ahead];
      return void (link && bench.receive(link));
    }
    case "part": {
      const to = bench.state.held.ledger.head?.value.version ?? NO_VERSION;
      return void bench.receive(owner.ledgerPart({ to, offset: what.offset, maxPartBytes: 2 }));
    }
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

function answered(bench: Bench, { papers, subject, term, earlier, after, probe }: Answer): void {
  const asked = bench.sent().length > 0 ? bench.asked() : { kind: "receipt" as const };
  const time = [bench.state.held.trust.authority.value.terms.time + term, owner.now - earlier] as const;
  switch (asked.kind) {
    case "receipt":
      return;
    case "authority":
    case "ledger":
      return void bench.answer();
    case "time":
      return void bench.receive(owner.time(asked.value.nonce, { time }));
    case "sync": {
      const goodUntil = owner.now + LEASE_SECONDS - earlier;
      const { nonce } = asked.value;
      if (probe)
        return void bench.receive(encodeFrame(SyncReply, { nonce, documents: [], probe: entropy(16) }));
      const n = bench.state.record.token?.n ?? 0;
      const token = { n: n + 1, after: Math.max(0, n + after), seal: entropy(8) };
      const lease = owner.lease(asked.value, { subject, time, goodUntil, token });
      return void bench.receive(owner.syncReply(asked.value, documents(bench, papers), lease));
    }
    default:
      return void bench.receive(certificateReply(asked.value, owner, documents(bench, papers)));
  }
}

const documents = (bench: Bench, papers: readonly Paper[]) => papers.map((paper) => written(bench, paper));

function written({ state }: Bench, { kind, genuine, subject, term, ahead, level, other }: Paper): Uint8Array {
  const by = genuine ? owner : stranger;
  const { directive, release, ledger, advisories, trust } = state.held;
  const { terms } = trust.authority.value;
  const numberOf = (found: { value: { version: Version } } | undefined) => found?.value.version[1] ?? 0;
  const next = (counted: number) => Math.max(0, counted + ahead);
  switch (kind) {
    case "beacon": {
      const n = next(numberOf(ledger.head));
      const denied = Array.from({ length: other % 2 }, (_, i) => i + 5);
      return by.beacon(n, { version: [terms.ledger + term, n], issuedAt: other }, denied);
    }
    case "advisories": {
      const n = next(numberOf(advisories.list));
      return by.advisories(n, entriesOf(n, level), { version: [terms.advisory + term, n] });
    }
    case "removal": {
      const n = next(numberOf(advisories.removal));
      const ids = Array.from({ length: n + 1 }, (_, i) => i + 1);
      return by.removal(n, ids, { version: [terms.advisory + term, n] });
    }
    default:
  }
  const n = next(Math.max(numberOf(directive), numberOf(release)));
  const version = [terms.directive + term, n] as const;
  switch (kind) {
    case "directive":
      return by.directive(subject, n, level === "revoked" ? "none" : level, { version, issuedAt: other });
    case "release":
      return by.release(subject, n, level, { version, ...(other > 0 ? { clearedAlarms: [other] } : {}) });
  }
}

/** Each list has the entries of those before it, and one more, for everyone or for nobody. */
function entriesOf(n: number, level: Level): AdvisoryList["entries"] {
  return Array.from({ length: n + 1 }, (_, i) => ({
    id: i + 1,
    match: i % 2 === 0 ? { op: "everything" } : { op: "range", fact: "number", min: 2, max: 9 },
    level: i === 0 && level === "isolate" ? "isolate" : "observe", // now and then it contradicts itself
    reason: "",
  }));
}
