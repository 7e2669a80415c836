/** Guards of the audit: what a verifier of an export stands on, and what the service refuses to sign. */
import type { Guard } from "../guard.js";

const AUDIT = "test/fleet/audit.test.ts";
const API = "test/fleet/audit-api.test.ts";
const NOTES = "test/fleet/audit-notes.test.ts";
const CHECKPOINTS = "test/fleet/audit-checkpoints.test.ts";

export const auditGuards: readonly Guard[] = [
  {
    name: "audit: a record that is not what its hash says is found",
    file: "fleet/audit/export-lines.ts",
    find: "if (toHex(crypto.sha256(body)) !== hash) return undefined;",
    replace: "if (!toHex || !crypto) return undefined;",
    test: { file: AUDIT, name: "each is found, and the record that it is about is named" },
  },
  {
    name: "audit: a record that does not follow the one before it is found",
    file: "fleet/audit/verify.ts",
    find: "if (previous !== this.#previous) return this.#findUnlike(record);",
    replace: "if (previous === '') return this.#findUnlike(record);",
    test: { file: AUDIT, name: "of one record only: it is named" },
  },
  {
    name: "audit: an export covers what the checkpoint at its end does",
    file: "fleet/audit/verify.ts",
    find: 'if (this.#trail.judge(opened) === "differs") this.#findRewritten(size, "the checkpoint at the end");',
    replace: "",
    test: { file: AUDIT, name: "of the newest records" },
  },
  {
    name: "audit: a file that was cut is not taken for a short one",
    file: "fleet/audit/verify.ts",
    find: 'if (this.#stage !== "end" && !this.#finding) this.#find(cut(this.records));',
    replace: "",
    test: {
      file: AUDIT,
      name: "each is found, and the record that it is about is named",
    },
  },
  {
    name: "audit: a checkpoint within the log is compared",
    file: "fleet/audit/verify.ts",
    find: 'if (judged === "differs") this.#findRewritten(opened.size, by);',
    replace: "",
    test: {
      file: AUDIT,
      name: "from a record on: the checkpoints around it name where",
    },
  },
  {
    name: "audit: a checkpoint that was kept binds",
    file: "fleet/audit/verify.ts",
    find: 'this.#findRewritten(kept.size, "the checkpoint that was kept");',
    replace: "",
    test: {
      file: AUDIT,
      name: "only a checkpoint that was kept elsewhere finds it",
    },
  },
  {
    name: "audit: an export that ends before the kept checkpoint is not taken",
    principle: "P3",
    file: "fleet/audit/verify.ts",
    find: "if (!kept || kept.size <= records) return;",
    replace: "if (!kept || kept.size > 0) return;",
    test: { file: AUDIT, name: "fits every later export, and no earlier one" },
  },
  {
    name: "audit: a note's signature is verified",
    file: "fleet/audit/note.ts",
    find: "if (!crypto.verify(key.publicKey, utf8(text), bytes.subarray(KEY_ID_BYTES)))",
    replace: "if (bytes.length === 0)",
    test: { file: NOTES, name: "one with another text is refused" },
  },
  {
    name: "audit: a note that no known key has signed is refused",
    file: "fleet/audit/note.ts",
    find: "const [key] = signers;",
    replace: "const [key] = [...signers, ...keys];",
    test: { file: NOTES, name: "one signed by somebody else is refused" },
  },
  {
    name: "audit: base64 has one reading",
    file: "fleet/audit/note.ts",
    find: "return base64(bytes) === text ? bytes : undefined;",
    replace: "return bytes;",
    test: { file: NOTES, name: "with base64 that has two readings" },
  },
  {
    name: "audit: a key speaks for the log of its name alone",
    file: "fleet/audit/checkpoint.ts",
    find: "if (origin !== key.name)",
    replace: "if (origin === undefined)",
    test: {
      file: NOTES,
      name: "one of another log is refused, though it is signed",
    },
  },
  {
    name: "audit: a leaf is no node",
    file: "fleet/audit/merkle.ts",
    find: "const LEAF = Uint8Array.of(0);",
    replace: "const LEAF = Uint8Array.of(1);",
    test: { file: NOTES, name: "a leaf is never taken for a node" },
  },
  {
    name: "audit: nothing is signed over a log that contradicts its checkpoints",
    principle: "P3",
    file: "fleet/audit/checkpoints.ts",
    find: "this.close(); // nothing is signed",
    replace: "this.#arm(); // nothing is signed",
    test: {
      file: CHECKPOINTS,
      name: "with another root: it is told, nothing is signed after it",
    },
  },
  {
    name: "audit: a checkpoint in our own log is compared when it is read",
    principle: "P3",
    file: "fleet/audit/trail.ts",
    find: 'if (size >= position || this.judge({ size, root: fromBase64Url(event.root) }) === "differs") {',
    replace: "if (size >= position && fromBase64Url(event.root).length === 0) {",
    test: {
      file: API,
      name: "exports no log that a checkpoint in it contradicts",
    },
  },
  {
    name: "audit: behind the fence no export is signed",
    principle: "P3",
    file: "fleet/api/audit.ts",
    find: "if (service.stopped) throw service.stopped; // a log",
    replace: "// a log",
    test: { file: API, name: "signs no export of a log that has lost its end" },
  },
  {
    name: "audit: exports at one time are bounded",
    principle: "P11",
    file: "fleet/api/audit.ts",
    find: "if (open >= MAX_EXPORTS)",
    replace: "if (open >= MAX_EXPORTS * 100)",
    test: { file: API, name: "sends 4 exports at a time" },
  },
  {
    name: "audit: a lost key is not made anew",
    file: "fleet/adapters/audit-key.ts",
    find: "if (isInUse) {",
    replace: "if (isInUse && path === '') {",
    test: {
      file: API,
      name: "that is lost is not made anew behind the auditors' backs",
    },
  },
  {
    name: "audit: what was read before checkpoints are kept counts too",
    principle: "P3",
    file: "fleet/audit/checkpoints.ts",
    find: "if (this.#failure !== undefined) return options.report(this.#failure);",
    replace: "",
    test: { file: CHECKPOINTS, name: "read before the keeper has begun: it does not begin" },
  },
];
