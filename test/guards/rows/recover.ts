/** Guards of `daymark recover`: what it may not forget, and whom it may not stop. For rows/fence.ts and rows/jetstream.ts. */
import type { Guard } from "../guard.js";

const JETSTREAM = "test/contracts/jetstream-fence.test.ts";
const RECOVER = "test/fleet/recover.test.ts";
const STREAM = "test/fleet/recover-stream.test.ts";
const CLI = "test/fleet/recover-cli.test.ts";
const COPY = "test/fleet/audit-copy.test.ts";

export const recoverGuards: readonly Guard[] = [
  {
    name: "jetstream: a fence names the end of the copy that shows the loss",
    principle: "P3",
    file: "fleet/adapters/jetstream-event-log.ts",
    find: "      const { position } = this.#history.end;\n",
    replace: "      const position = error.position - 1;\n",
    test: { file: JETSTREAM, name: "a worker that starts again and again tells the others once" },
  },
  {
    name: "jetstream: the stream of another fleet is told nothing",
    principle: "P9",
    file: "fleet/adapters/jetstream-compare.ts",
    find: "|| !(await isAnotherFleets(pair))) throw error;",
    replace: "|| (await isAnotherFleets(pair))) throw error;",
    test: { file: JETSTREAM, name: "the stream is another fleet's" },
  },
  {
    name: "jetstream: followers are told of a copy that cannot be read",
    principle: "P9",
    file: "fleet/adapters/jetstream-event-log.ts",
    find: "    // Also where the copy told them",
    replace: "    if (!(error instanceof OtherHistory)) return;\n    // Also where the copy told them",
    test: { file: JETSTREAM, name: "a copy that cannot be read any more ends the log" },
  },
  {
    name: "recover: a copy has to go as far as each that was shown",
    principle: "P3",
    file: "fleet/recovery/find-out.ts",
    find: "proofs.find((proof) => !covers(",
    replace: "proofs.slice(0, 1).find((proof) => !covers(",
    test: { file: RECOVER, name: "a copy has to go as far as each that was shown" },
  },
  {
    name: "recover: a worker that only its proof names is asked for",
    principle: "P3",
    file: "fleet/recovery/find-out.ts",
    find: 'proof.kind === "copy" ? [proof.worker] : []',
    replace: 'proof.kind === "copy" ? [] : []',
    test: { file: STREAM, name: "what only a lost worker had acknowledged" },
  },
  {
    name: "recover: a worker left out may have gone further",
    principle: "P3",
    file: "fleet/recovery/plan.ts",
    find: "if (unproven.length > 0 && !newTerms)",
    replace: "if (unproven.length > 0 && !newTerms && end < 0)",
    test: { file: STREAM, name: "a worker whose copy is not there is named" },
  },
  {
    name: "recover: a lease given behind the fence counts as said",
    principle: "P3",
    file: "fleet/recovery/find-out.ts",
    find: 'if (!isFenced || type === "lease-issued") return true;',
    replace: "if (!isFenced) return true;\n  if (isFenced) return false;",
    test: { file: RECOVER, name: "a lease that a worker gave behind the fence counts" },
  },
  {
    name: "recover: stopped while the stream is made anew, it remembers the old one",
    principle: "P3",
    file: "fleet/cli/recover-place.ts",
    find: "const asides = (await unsettled()).map(",
    replace: "const asides = (await unsettled()).slice(0, 0).map(",
    test: { file: STREAM, name: "it has not forgotten what stood in the old one" },
  },
  {
    name: "recover: stopped before its last record, it still ends the fence",
    principle: "P9",
    file: "fleet/recovery/plan.ts",
    find: "copy?.end === shared && !newTerms && !isResumed && !isBroken;",
    replace: "copy?.end === shared && !newTerms && !isBroken;",
    test: { file: STREAM, name: "stopped before its last record it ends the fence" },
  },
  {
    name: "recover: the folder of a worker is not taken for the log",
    principle: "P4",
    file: "fleet/cli/commands/recover.ts",
    find: "  else if (workers.size > 0) throw isWorkers(folder);",
    replace: "  else if (workers.size < 0) throw isWorkers(folder);",
    test: { file: STREAM, name: "without --nats is refused" },
  },
  {
    name: "recover: only whose token is here stands in the log",
    principle: "P13",
    file: "fleet/cli/commands/recover.ts",
    find: "    await readToken(join(tokens, name));\n",
    replace: "    void [readToken, join, tokens, name];\n",
    test: { file: CLI, name: "what stands in the log is the name of whose token it was" },
  },
  {
    name: "recover: an export is verified before it is a copy",
    principle: "P13",
    file: "fleet/cli/recover-sources.ts",
    find: "const copy = await exportCopy(() => createReadStream(path), keys, other, nodeCrypto);",
    replace:
      'const { exportedRecords } = await import("../audit/export-records.js");\n' +
      "  void [exportCopy, keys];\n" +
      "  const copy = { read: (from: number) => exportedRecords(createReadStream(path), from, other, nodeCrypto) };",
    test: { file: CLI, name: "one with more records, hashes anew is refused" },
  },
  {
    name: "recover: an export does not say which key it is verified with",
    principle: "P13",
    file: "fleet/audit/export-copy.ts",
    find: "[{ name, publicKey: own }, ...earlier]",
    replace:
      "[{ name, publicKey: { ...own, bytes: new Uint8Array(Buffer.from(Buffer.from(header).toString()" +
      '.split("+").slice(2).join("+").slice(0, -2), "base64").subarray(1)) } }, ...earlier]',
    test: { file: CLI, name: "one with more records, signed by somebody else is refused" },
  },
  {
    name: "recover: what is read of an export is what was verified",
    principle: "P13",
    file: "fleet/audit/export-copy.ts",
    find: "if (hashes.get(position) !== hash) throw other(last);",
    replace: "if (hash === undefined) throw other(last);",
    test: { file: COPY, name: "from its first record on, none of it is handed out" },
  },
  {
    name: "recover: an export that has become shorter is not taken for all of it",
    principle: "P4",
    file: "fleet/audit/export-copy.ts",
    find: "if (last < records) throw other(last);",
    replace: "",
    test: { file: COPY, name: "cut behind a stretch, none of it is handed out" },
  },
];
