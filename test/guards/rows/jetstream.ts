/** Guards of the log on JetStream: what fences it, what is refused, and when an append counts. */
import type { Guard } from "../guard.js";

const EVENT_LOG = "test/contracts/event-log.test.ts";
const FAULTS = "test/contracts/jetstream-faults.test.ts";
const FENCE = "test/contracts/jetstream-fence.test.ts";
const MESSAGE = "test/contracts/jetstream-message.test.ts";
const SETTINGS = "test/contracts/jetstream-settings.test.ts";
const TAIL = "test/contracts/jetstream-tail.test.ts";
const WORKERS = "test/contracts/jetstream-workers.test.ts";

export const jetStreamGuards: readonly Guard[] = [
  {
    name: "jetstream: an append counts only when it is in this worker's copy",
    principle: "P4",
    file: "fleet/adapters/jetstream-appends.ts",
    find: "      const isSentAgain =",
    replace:
      "      if (answer && !answer.isRefused) this.#settle(id)?.resolve(answer.position);\n      const isSentAgain =",
    test: {
      file: EVENT_LOG,
      name: "JetStreamEventLog an append resolves once every follower has taken the record",
    },
  },
  {
    name: "jetstream: a conflict comes when the copy has what the winner wrote",
    principle: "P3",
    file: "fleet/adapters/jetstream-appends.ts",
    find: "    await tail.reached(position);\n",
    replace: "    if (isRefused) this.#settle(id)?.reject(conflict(pending.accepted.subject));\n",
    test: { file: WORKERS, name: "of two that append where the subject ended, one wins" },
  },
  {
    name: "jetstream: appends that wait are bounded",
    principle: "P11",
    file: "fleet/adapters/jetstream-appends.ts",
    find: "this.#sending >= MAX_SENDING",
    replace: "this.#pending.size < 0",
    test: { file: WORKERS, name: "P11: refuses what would wait beyond 4,096 appends" },
  },
  {
    name: "jetstream: a log that closes does not wait for servers that are gone",
    principle: "P11",
    file: "fleet/adapters/jetstream-appends.ts",
    find: "const LAST_APPENDS_MS = 10_000;",
    replace: "const LAST_APPENDS_MS = APPEND_MS;",
    test: { file: FAULTS, name: "P11: a log that is closed does not wait for it" },
  },
  {
    name: "jetstream: a stream shorter than the copy fences",
    principle: "P3",
    file: "fleet/adapters/jetstream-compare.ts",
    find: "if (last_seq < end) {",
    replace: "if (last_seq < 0) {",
    test: { file: FENCE, name: "while the worker was away the store is an older one" },
  },
  {
    name: "jetstream: another record at the copy's end fences",
    principle: "P3",
    file: "fleet/adapters/jetstream-compare.ts",
    find: "  await compareMessage(pair, readMessage(pair.stream, found));",
    replace: "  readMessage(pair.stream, found);",
    test: { file: FENCE, name: "and grew since by what others wrote" },
  },
  {
    name: "jetstream: a worker that starts looks at older records too",
    principle: "P3",
    file: "fleet/adapters/jetstream-compare.ts",
    find: "isThorough ? samples(end) : [end]",
    replace: "isThorough ? [end] : [end]",
    test: { file: FENCE, name: "an older record is another one, though the end is the same" },
  },
  {
    name: "jetstream: a stream that lost records before its end fences",
    principle: "P3",
    file: "fleet/adapters/jetstream-compare.ts",
    find: "messages !== last_seq ||",
    replace: "messages < 0 ||",
    test: { file: FENCE, name: "a record deleted from a stream with weak settings" },
  },
  {
    name: "jetstream: only who has no record makes the stream",
    principle: "P3",
    file: "fleet/adapters/jetstream-event-log.ts",
    find: "history.end.position === 0 ?",
    replace: "history.end.position >= 0 ?",
    test: { file: "test/contracts/jetstream-fence.test.ts", name: "it is not made anew by who has records" },
  },
  {
    name: "jetstream: who is fenced tells all others",
    principle: "P3",
    file: "fleet/adapters/jetstream-event-log.ts",
    find: "this.#telling = raiseFence(nats, stream, clock, worker, position);",
    replace: "void [raiseFence, nats, stream, clock, worker, position];",
    test: { file: FENCE, name: "and grew since by what others wrote" },
  },
  {
    name: "jetstream: a fenced log appends nothing more",
    principle: "P3",
    file: "fleet/adapters/jetstream-event-log.ts",
    find: "    this.#stopped = error;\n",
    replace: "",
    test: { file: FENCE, name: "while the worker follows a message that is no record" },
  },
  {
    name: "jetstream: a record whose writer had another history fences",
    principle: "P3",
    file: "fleet/adapters/jetstream-history.ts",
    find: "if (hashKnown !== knew.hash) {",
    replace: "if (hashKnown === knew.hash && position < 0) {",
    test: { file: FENCE, name: "a record whose writer had another history" },
  },
  {
    name: "jetstream: of two records that follow the same one the first counts",
    principle: "P3",
    file: "fleet/adapters/jetstream-message.ts",
    find: "expected !== head &&",
    replace: "expected < 0 &&",
    test: { file: MESSAGE, name: "of two that follow the same record the first counts" },
  },
  {
    name: "jetstream: no fence that a copy proves is taken for a record that came too late",
    principle: "P3",
    file: "fleet/adapters/jetstream-message.ts",
    find: " && !isProvenByCopy(events[0])",
    replace: "",
    test: { file: MESSAGE, name: "a fence that a copy proves counts, whatever came before it" },
  },
  {
    name: "jetstream: a fence that is decided on what is known can come too late",
    principle: "P3",
    file: "fleet/adapters/jetstream-message.ts",
    find: 'return proof?.kind === "copy";',
    replace: "return proof !== undefined;",
    test: { file: MESSAGE, name: "a fence that is decided on what is known is as late as any decision" },
  },
  {
    name: "jetstream: a lagging writer is judged by records on their way to the disk",
    principle: "P3",
    file: "fleet/adapters/jetstream-tail.ts",
    find: "if (history.hashAt(knew.position) === undefined) await this.#written;",
    replace: "",
    test: { file: TAIL, name: "a writer that lagged is judged by records" },
  },
  {
    name: "jetstream: a stranger in the inbox does not end the tail",
    principle: "P11",
    file: "fleet/adapters/jetstream-deliveries.ts",
    find: "if (!place) continue;",
    replace: "if (!place) return;",
    test: { file: TAIL, name: "what a stranger sends to the tail's inbox is passed over" },
  },
  {
    name: "jetstream: whoever mends a stream finds out that somebody writes into it",
    principle: "P3",
    file: "fleet/adapters/jetstream-closed.ts",
    find:
      "    expectLast(message.headers, end.position);\n" +
      "    const { seq } = await untilAnswered(clock, () => this.#publish(message, end.position));\n" +
      "    if (seq !== end.position + 1) ",
    replace:
      "    void expectLast;\n" +
      "    const { seq } = await untilAnswered(clock, () => this.#publish(message, end.position));\n" +
      "    if (seq < 0) ",
    test: { file: "test/fleet/recover-stream.test.ts", name: "whoever still writes meanwhile is found" },
  },
  {
    name: "jetstream: whoever came too late is not told that it counts",
    principle: "P4",
    file: "fleet/adapters/jetstream-appends.ts",
    find: "if (!isOvertaken) {",
    replace: "if (!isOvertaken || pending.taken === undefined) {",
    test: { file: FENCE, name: "holds its place, and nothing else" },
  },
  {
    name: "jetstream: no record is left out",
    principle: "P3",
    file: "fleet/adapters/jetstream-history.ts",
    find: "if (position !== this.#end.position + 1) {",
    replace: "if (position < 0) {",
    test: { file: MESSAGE, name: "does not take a record that leaves one out" },
  },
  {
    name: "jetstream: a message is a record only as we write it",
    file: "fleet/adapters/jetstream-message.ts",
    find: "body(accepted) !== text",
    replace: "text === ''",
    test: { file: MESSAGE, name: "a message with a name twice is no record" },
  },
  {
    name: "jetstream: a stream that can lose records is refused",
    principle: "P4",
    file: "fleet/adapters/jetstream-stream.ts",
    find: "if (weaknesses.length === 0 || acceptLogLoss) return;",
    replace: "if (weaknesses.length >= 0 || acceptLogLoss) return;",
    test: { file: SETTINGS, name: "refuses one that is there, naming all that can be lost" },
  },
];
