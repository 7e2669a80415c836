/** Random happenings for the machine: from the fleet, from strangers, in any order, at any time. */
import fc from "fast-check";
import { encodeFrame } from "../../protocol/frame.js";
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

/** One happening. @throws ProtocolError when what came does not prove itself. */
export type Act = (bench: Bench) => unknown;
const act = (run: Act) => fc.constant(run);
const n = fc.nat(5);
const term = fc.constantFrom(1, 1, 1, 1, 0, 2);
const subject = fc.constantFrom(1, 1, 1, 2);
const by = fc.constantFrom(owner, owner, owner, stranger);
const jump = fc.integer({ min: -3 * DAY, max: 3 * DAY });
const holdLevel = fc.constantFrom("none", "observe", "restrict", "isolate" as const);
const anyLevel = fc.constantFrom("none", "none", "observe", "restrict", "isolate", "revoked" as const);

const directive = fc.record({ by, subject, term, n, level: holdLevel, issuedAt: n });
const release = fc.record({ by, subject, term, n, level: anyLevel, alarm: fc.option(n) });
const document = fc.oneof(
  directive.map((d) =>
    d.by.directive(d.subject, d.n, d.level, { version: [d.term, d.n], issuedAt: d.issuedAt }),
  ),
  release.map((r) =>
    r.by.release(r.subject, r.n, r.level, {
      version: [r.term, r.n],
      ...(r.alarm ? { clearedAlarms: [r.alarm] } : {}),
    }),
  ),
  fc
    .record({ by, term, n, denied: fc.nat(1) })
    .map((b) => b.by.beacon(b.n, { version: [b.term, b.n], denied: b.denied })),
);

/** The fleet answers what was asked last; late, twice, or with a lease that should not count, as it may be. */
const answer = fc.record({
  documents: fc.array(document, { maxLength: 3 }),
  jump,
  term,
  subject,
  until: jump,
});
const answered = answer.map((how): Act => (bench) => {
  if (bench.sent().length === 0) return undefined;
  const asked = bench.asked();
  switch (asked.kind) {
    case "receipt":
      return undefined;
    case "time":
      return bench.receive(owner.time(asked.value.nonce, { time: [how.term, owner.now + how.jump] }));
    case "sync": {
      const { subject, term, jump, until } = how;
      const time = [term, owner.now + jump] as const;
      const goodUntil = owner.now + LEASE_SECONDS + until;
      const lease = owner.lease(asked.value, { subject, time, goodUntil });
      return bench.receive(owner.syncReply(asked.value, how.documents, lease));
    }
    default:
      return bench.receive(certificateReply(asked.value, owner, how.documents));
  }
});
const error = fc
  .record({
    code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])),
    retryAfterSeconds: fc.nat(3600),
    nonce: fc.boolean(),
  })
  .map(
    ({ nonce, ...value }): Act =>
      (bench) =>
        bench.receive(encodeFrame(ErrorReply, nonce ? { ...value, nonce: entropy(16) } : value)),
  );

export const happening: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: answered },
  { weight: 4, arbitrary: act((bench) => bench.answer()) },
  {
    weight: 5,
    arbitrary: document.map(
      (bytes): Act =>
        (bench) =>
          bench.receive(bytes),
    ),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom<SessionRole[]>(
        "device",
        "device",
        "held",
        "pledge",
        ...(Object.keys(SESSION_ROLES) as SessionRole[]),
      )
      .map(
        (role): Act =>
          (bench) =>
            bench.notice(role),
      ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom("front", "front", "lobby" as const).map(
      (door): Act =>
        (bench) =>
          bench.feed({ type: "connected", door }),
    ),
  },
  { weight: 2, arbitrary: act((bench) => bench.feed({ type: "disconnected" })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("dates", "chain" as const).map(
      (why): Act =>
        (bench) =>
          bench.feed({ type: "server-refused", why }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 0, max: 120 }).map(
      (seconds): Act =>
        (bench) =>
          bench.pass(seconds),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 12 * DAY }).map(
      (seconds): Act =>
        (bench) =>
          bench.pass(seconds),
    ),
  },
  { weight: 1, arbitrary: act((bench) => bench.reboot()) },
  { weight: 2, arbitrary: error },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 200 }).map(
      (bytes): Act =>
        (bench) =>
          bench.receive(bytes),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(9).map(
      (messages): Act =>
        (bench) =>
          bench.feed({ type: "held-back", messages }),
    ),
  },
);
