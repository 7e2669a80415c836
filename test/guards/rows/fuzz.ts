/** Guards that the fuzzed edges, and the inputs that they once failed on, defend. */
import type { Guard } from "../guard.js";

const EDGES = "test/fuzz/edges.test.ts";
const CORPUS = "test/fuzz/corpus.test.ts";

export const fuzzGuards: readonly Guard[] = [
  {
    name: "no message of the fuzzed payload edge counts without a signature",
    principle: "P1",
    file: "protocol/envelope.ts",
    find: "if (!crypto.verify(signer, signedBytes(protectedHeader, payload, fleetId), signature)) {",
    replace: "if (signature.length === 0) {",
    test: { file: EDGES, name: "payload no input comes to what it must not" },
  },
  {
    name: "a prefix of topics ends with its level, whatever the topic",
    principle: "P10",
    file: "broker/admission.ts",
    find: 'return role === "device" && number !== undefined && topic.startsWith(topics.app(number));',
    replace: 'return role === "device" && number !== undefined && topic.startsWith(`app/${number}`);',
    test: { file: EDGES, name: "topic no input comes to what it must not" },
  },
  {
    name: "a certificate that does not verify is nobody's, however strange",
    principle: "P1",
    file: "broker/verdicts.ts",
    find: 'return shown.resumed ? "stale" : "bad";',
    replace:
      'return { profile: "ldevid", number: 4711, generation: 1, window: "current", notBeforeSeconds: 0, notAfterSeconds: nowSeconds + 9999, path: { notBeforeSeconds: 0, notAfterSeconds: nowSeconds + 9999 } } as never;',
    test: { file: EDGES, name: "tls no input comes to what it must not" },
  },
  {
    name: "sessions that are over are forgotten",
    principle: "P11",
    file: "broker/gateway-sessions.ts",
    find: "if (this.#byKey.get(session.key) === session) this.#byKey.delete(session.key);",
    replace: "",
    test: { file: EDGES, name: "packet no input comes to what it must not" },
  },
  {
    name: "a key file whose halves do not belong together is damaged",
    file: "protocol/adapters/node-crypto.ts",
    find: "if (whole.x !== x || whole.y !== y) throw",
    replace: 'if (whole.x === "") throw',
    test: { file: CORPUS, name: "files turned-key-bit" },
  },
  {
    name: "a Host that no URL can hold is refused",
    file: "fleet/api/app.ts",
    find: "if (!URL.canParse(c.req.url)) throw",
    replace: 'if (c.req.url === "") throw',
    test: { file: CORPUS, name: "http host-without-url" },
  },
  {
    name: "a client that hangs up is no mistake of the server",
    file: "fleet/api/problem.ts",
    find: 'error.code === "ECONNRESET"',
    replace: 'error.code === "ECONNRESETTLED"',
    test: { file: CORPUS, name: "http hung-up-body" },
  },
  {
    name: "no control character of a request comes back in a detail",
    file: "fleet/api/problem.ts",
    find: 'problem.message.replaceAll(HIDDEN, "?")',
    replace: 'problem.message.replaceAll("\\n\\n", "?")',
    test: { file: CORPUS, name: "http hidden-in-key" },
  },
  {
    name: "no control character of a rule comes back in its refusal",
    file: "protocol/predicate-text.ts",
    find: '"the end" : quoted(text.slice(0, 32))',
    replace: '"the end" : JSON.stringify(text.slice(0, 32))',
    test: { file: CORPUS, name: "payload hidden-in-rule" },
  },
  {
    name: "no control character of a command line comes back on the terminal",
    file: "fleet/cli/application.ts",
    find: "{ ...text_en, ...REFUSALS, exceptionWhileRunningCommand }",
    replace: "{ ...text_en, exceptionWhileRunningCommand }",
    test: { file: CORPUS, name: "cli hidden-in-word" },
  },
  {
    name: "no control character of a file name comes back on the terminal",
    file: "device/carry-commands.ts",
    find: 'text.replaceAll(/[\\p{Cc}\\p{Cf}]/gu, "?")',
    replace: "text",
    test: { file: CORPUS, name: "cli hidden-in-file-name" },
  },
];
