/** Guards of the device: sync tokens, re-enrollment, refusals, freshness tables, and clocks that jump. */
import type { Guard } from "../guard.js";

const DOCUMENTS = "device/documents.ts";
const HEARING = "device/hearing.ts";
const IDENTITY = "device/identity.ts";
const JOBS = "device/jobs.ts";
const REFUSALS = "device/refusals.ts";
const REQUESTS = "device/requests.ts";
const STATE = "device/state.ts";
const STEADY = "device/steady-clock.ts";
const TICKET = "device/ticket.ts";
const TOKENS_TEST = "test/device/tokens.test.ts";
const REENROLL_TEST = "test/device/reenroll.test.ts";
const REFUSALS_TEST = "test/device/refusals.test.ts";
const TABLES_TEST = "test/device/freshness-tables.test.ts";
const CLOCKS_TEST = "test/device/clocks.test.ts";

export const deviceReturnGuards: readonly Guard[] = [
  {
    name: "a token counts when it follows on the one held",
    file: DOCUMENTS,
    find: "token.after === (record.token?.n ?? 0)",
    replace: "token.n > 0",
    test: { file: TOKENS_TEST, name: "counts when it follows on the one held" },
  },
  {
    name: "a token is shown in the next sync",
    file: REQUESTS,
    find: "    ...(record.token && { token: record.token }),\n",
    replace: "",
    test: { file: TOKENS_TEST, name: "P4: is stored in one save with its lease" },
  },
  {
    name: "a probe is followed at once",
    file: HEARING,
    find: "next.probe && session.fruitless === 0 ? { quietUntilMs: 0 } : {}",
    replace: "{}",
    test: { file: TOKENS_TEST, name: "is said at once in another sync" },
  },
  {
    name: "probes without end are followed ever more seldom",
    principle: "P11",
    file: HEARING,
    find: "next.probe && session.fruitless === 0 ?",
    replace: "next.probe ?",
    test: { file: TOKENS_TEST, name: "P11: again and again it is followed ever more seldom" },
  },
  {
    name: "a probe beside a lease asks for nothing",
    principle: "P11",
    file: HEARING,
    find: "!lease && probe ? probed(asked, probe)",
    replace: "probe ? { ...asked, probe }",
    test: { file: TOKENS_TEST, name: "that comes beside a lease asks for nothing" },
  },
  {
    name: "a change of owner forgets what the one before asked to hear again",
    file: "device/transfer.ts",
    find: "probe: _probe, ",
    replace: "",
    test: { file: "test/device/transfer.test.ts", name: "P8: nor is any key by which A knew it" },
  },
  {
    name: "a change of owner removes the key of a re-enrollment",
    principle: "P8",
    file: "device/transfer.ts",
    find: "new Set([ldevid, request, base]",
    replace: "new Set([request]",
    test: { file: "test/device/transfer.test.ts", name: "P8: nor is any key by which A knew it" },
  },
  {
    name: "a ticket is stored with its request before anything is sent",
    principle: "P4",
    file: TICKET,
    find: "return { state: { ...free, record }, effects };",
    replace: "return { state: free, effects };",
    test: { file: REENROLL_TEST, name: "P4: is stored with its request" },
  },
  {
    name: "a request whose key is given up for a ticket is not answered any more",
    file: TICKET,
    find: 'state.job && "key" in state.job ? withoutJob(tried) : tried',
    replace: "tried",
    test: { file: REENROLL_TEST, name: "takes the place of a renew" },
  },
  {
    name: "a base key stays when an LDevID of the same key goes",
    principle: "P9",
    file: IDENTITY,
    find: "replacedKeys(rest, [job.key, base?.key])",
    replace: "replacedKeys(rest, [job.key])",
    test: { file: REENROLL_TEST, name: "a renewed LDevID has a key of its own" },
  },
  {
    name: "a re-enrollment gives up every key of before",
    principle: "P8",
    file: IDENTITY,
    find: "replacedKeys(rest, [job.key, base?.key])",
    replace: "[]",
    test: { file: REENROLL_TEST, name: "makes its key the base" },
  },
  {
    name: "a return is signed by the base key",
    file: REQUESTS,
    find: "sealed(state, ReturnRequest, request, baseKey(state))",
    replace: "sealed(state, ReturnRequest, request, { name: IDEVID_KEY, publicKey: state.idevidKey })",
    test: { file: REENROLL_TEST, name: "it signs the return" },
  },
  {
    name: "a wipe leaves the base key",
    principle: "P9",
    file: "device/acts.ts",
    find: "gone.filter((key) => key !== rest.base?.key)",
    replace: "gone",
    test: { file: REENROLL_TEST, name: "a wipe takes the LDevID and not the base key" },
  },
  {
    name: "a wipe leaves a ticket that is on its way",
    principle: "P9",
    file: "device/acts.ts",
    find: 'request?.kind === "reenroll" ? request : undefined',
    replace: "undefined as typeof request",
    test: { file: REENROLL_TEST, name: "a wipe leaves a ticket that is on its way" },
  },
  {
    name: "after a re-enrollment no lie makes a device enroll by its IDevID",
    principle: "P9",
    file: JOBS,
    find: '  if (record.base) return "return";\n',
    replace: "",
    test: { file: REENROLL_TEST, name: "a wipe takes the LDevID and not the base key" },
  },
  {
    name: "no other key is asked for while a ticket waits",
    file: JOBS,
    find: 'if (waiting) return ticketIsDue ? "reenroll" : undefined;',
    replace: 'if (ticketIsDue) return "reenroll";',
    test: { file: REENROLL_TEST, name: "for now: a pledge waits for it" },
  },
  {
    name: "a ticket that is refused for good locks nobody out",
    principle: "P9",
    file: JOBS,
    find: 'record.request?.kind === "reenroll" && !session.ticketRefused',
    replace: 'record.request?.kind === "reenroll"',
    test: { file: REENROLL_TEST, name: "no wrong ticket locks a device out" },
  },
  {
    name: "a ticket that is refused for now holds up no sync",
    principle: "P11",
    file: "device/asking.ts",
    find: "...ticketPause(session, atMs)",
    replace: "ticketAtMs: 0",
    test: { file: REENROLL_TEST, name: "comes again after five minutes, and holds up no sync" },
  },
  {
    name: "no answer to a ticket costs no connection",
    principle: "P11",
    file: "device/asking.ts",
    find: '  if (job.kind === "reenroll") return only(giveUp(state, atMs));\n',
    replace: "",
    test: { file: REENROLL_TEST, name: "by silence: three times in all" },
  },
  {
    name: "a renewal that the fleet calls ended becomes a return",
    principle: "P9",
    file: REFUSALS,
    find: 'request === "renew" && (next === "return" || next === "enroll")',
    replace: 'request === "enroll" && next === "return"',
    test: { file: REFUSALS_TEST, name: "a renewal refused as expired" },
  },
  {
    name: "a return for which the fleet has no LDevID becomes an enrollment",
    principle: "P9",
    file: JOBS,
    find: '  if (enrollInstead) return "enroll";\n',
    replace: "",
    test: { file: REFUSALS_TEST, name: "a return refused as not-enrolled" },
  },
  {
    name: "a device's own freshness table waits for the lease that puts its release in force",
    principle: "P13",
    file: STATE,
    find: "held.freed?.value.freshness",
    replace: "(held.release ?? held.freed)?.value.freshness",
    test: { file: TABLES_TEST, name: "P13: a release that waits brings none yet" },
  },
  {
    name: "a model's freshness table counts for its devices",
    file: STATE,
    find: "freshnessFor(held.trust.authority.value, record.model, ",
    replace: 'freshnessFor(held.trust.authority.value, "", ',
    test: { file: TABLES_TEST, name: "is that of its model" },
  },
  {
    name: "at each level a device may do no more than the table says",
    principle: "P10",
    file: "device/allowed.ts",
    find: 'restrict: ["sync", "attest", "update", "heartbeat"],',
    replace: "restrict: EVERYTHING,",
    test: { file: TABLES_TEST, name: "P10: what a device may do at each level" },
  },
  {
    name: "a clock that is set back makes no device fresher",
    principle: "P6",
    file: STEADY,
    find: "Math.min(-stepMs, MOST_BACK_MS)",
    replace: "stepMs",
    test: { file: CLOCKS_TEST, name: "and jumps back by ten years (while it is off: false)" },
  },
  {
    name: "a clock that is set back again and again stops no time",
    principle: "P6",
    file: STEADY,
    find: "Math.min(-stepMs, MOST_BACK_MS)",
    replace: "0",
    test: { file: CLOCKS_TEST, name: "P6: a clock that is set back again and again stops no time" },
  },
  {
    name: "a clock that is set years forward costs a day at most",
    file: STEADY,
    find: "Math.min(stepMs, MOST_FORWARD_MS)",
    replace: "stepMs",
    test: { file: CLOCKS_TEST, name: "and jumps forward by ten years (while it is off: false)" },
  },
  {
    name: "the running device counts by a clock that never falls",
    principle: "P6",
    file: "device/main.ts",
    find: "const clock = steadyClock(options.clock);",
    replace: "const { clock } = options;",
    test: { file: CLOCKS_TEST, name: "the device that an application has runs on such a clock" },
  },
  {
    name: "acts wait for a lease once the fleet has seen a newer token",
    principle: "P2",
    file: "device/performing.ts",
    find: "state.record.actsWait === undefined",
    replace: "true",
    test: { file: "test/stories/acts.test.ts", name: "an older image of the disk" },
  },
];
