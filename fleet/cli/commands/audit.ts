/** `daymark audit list | export | verify | key | checkpoint`: what happened, and evidence of it for others. */
import { buildCommand } from "@stricli/core";
import { nodeCrypto as crypto } from "../../../protocol/adapters/node-crypto.js";
import type { AuditKey, NewestCheckpoint } from "../../api/audit.js";
import { openCheckpoint } from "../../audit/checkpoint.js";
import { type NoteKey, parseNoteKey } from "../../audit/note.js";
import type { Verdict } from "../../audit/verify.js";
import { alsoTo, exportChunks, fileChunks, verifyExport, writtenTo } from "../audit-file.js";
import { list } from "../audit-list.js";
import { verdictJson, verdictRecord, WHAT_TO_DO } from "../audit-words.js";
import {
  type CliContext,
  clientAliases,
  type ClientFlags,
  clientFlags,
  connect,
  jsonFlag,
} from "../connection.js";
import { CliError, EXIT } from "../exit.js";
import { readText } from "../files.js";
import { fileFlag } from "../flags.js";
import { printJson, printLine, printRecord } from "../output.js";

interface ExportFlags extends ClientFlags {
  readonly out?: string;
}

const exportLog = buildCommand<ExportFlags, [], CliContext>({
  docs: {
    brief: "Write the whole log as evidence that proves itself",
    fullDescription: [
      "Every record as the log has it, with its hash, and a signed checkpoint over all of them: see docs/audit.md.",
      "It holds no secret, but all hardware ids, reasons and names. The file is verified while it is written, with",
      "the key that the server names; whoever gets it verifies it with the key that they know: daymark audit verify.",
      "",
      "Example: daymark audit export --out harbour.audit",
    ].join("\n"),
  },
  parameters: {
    flags: { ...clientFlags, out: { ...fileFlag("The file to write; without, stdout"), optional: true } },
    aliases: clientAliases,
  },
  async func({ out, ...flags }) {
    const client = await connect(flags, this);
    const { stdout, stderr } = this.process;
    const keys = [parseNoteKey((await client.get<AuditKey>("/v1/audit/key")).key, crypto)];
    const check = async (written: AsyncIterable<Uint8Array>) => {
      const verdict = await verifyExport(written, { keys, crypto }, stderr);
      if (verdict.finding) throw new CliError(EXIT.failed, failureText(verdict.finding));
      return verdict;
    };
    const chunks = exportChunks(client.lines<object>("/v1/audit/export"));
    if (out === undefined) {
      const verdict = await check(alsoTo(stdout, chunks));
      return printLine(stderr, `${verdict.records} records`);
    }
    const verdict = await writtenTo(out, chunks, check);
    if (flags.json) printJson(stdout, { out, ...verdictJson(verdict) });
    else printRecord(stdout, { file: out, ...verdictRecord(verdict) });
  },
});

interface VerifyFlags {
  readonly key: readonly NoteKey[];
  readonly checkpoint?: string;
  readonly json: boolean;
}

const verify = buildCommand<VerifyFlags, [string], CliContext>({
  docs: {
    brief: "Verify an export, and name what was changed",
    fullDescription: [
      "Needs no server: the export, and the public key that you got by another way than the export. With a",
      "checkpoint that you kept from an earlier day, also that the past was not written anew since. A key that the",
      "fleet had before is given with a second --key. Exit code 0: all verified; 7: something does not hold.",
      "",
      "Example: daymark audit verify harbour.audit --key daymark/0123…+89abcdef+AY… --checkpoint last-year.note",
    ].join("\n"),
  },
  parameters: {
    flags: {
      key: {
        kind: "parsed",
        parse: noteKey,
        variadic: true,
        placeholder: "key",
        brief: "As daymark audit key prints it; may be repeated",
      },
      checkpoint: {
        ...fileFlag("A checkpoint that you kept, from daymark audit checkpoint"),
        optional: true,
      },
      json: jsonFlag,
    },
    aliases: { j: "json" },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "From daymark audit export, - for stdin", parse: String, placeholder: "file" }],
    },
  },
  async func({ key: keys, checkpoint, json }, path) {
    const kept =
      checkpoint === undefined ? undefined : openKept(await readText(checkpoint, this.process), keys);
    const { stdout, stderr } = this.process;
    const chunks = fileChunks(path, this.process);
    const verdict = await verifyExport(chunks, { keys, crypto, ...(kept && { kept }) }, stderr);
    if (json) printJson(stdout, verdictJson(verdict));
    if (verdict.finding) throw new CliError(EXIT.notVerified, failureText(verdict.finding));
    if (!json) printRecord(stdout, { verified: path, ...verdictRecord(verdict) });
  },
});

const key = buildCommand<ClientFlags, [], CliContext>({
  docs: {
    brief: "Print the public key that the log's checkpoints are verified with",
    fullDescription: [
      "Give it to auditors by a way that nobody who could change the log controls, and once: it stays the same.",
      "",
      "Example: daymark audit key",
    ].join("\n"),
  },
  parameters: { flags: clientFlags, aliases: clientAliases },
  async func(flags) {
    const answer = await (await connect(flags, this)).get<AuditKey>("/v1/audit/key");
    if (flags.json) printJson(this.process.stdout, answer);
    else printLine(this.process.stdout, answer.key);
  },
});

const checkpoint = buildCommand<ClientFlags, [], CliContext>({
  docs: {
    brief: "Print the newest signed checkpoint of the log",
    fullDescription: [
      "A signed note (c2sp.org/tlog-checkpoint): origin, number of records, root of the tree, signature. Keep some,",
      "out of reach of whoever runs the server: no later export can hide that the log was changed before them. The",
      "first is signed an hour after a fleet's first record, later ones at least every hour in which something happens.",
      "",
      "Example: daymark audit checkpoint > today.note",
    ].join("\n"),
  },
  parameters: { flags: clientFlags, aliases: clientAliases },
  async func(flags) {
    const answer = await (await connect(flags, this)).get<NewestCheckpoint>("/v1/audit/checkpoint");
    if (flags.json) return printJson(this.process.stdout, answer);
    for (const line of answer.checkpoint.trimEnd().split("\n")) printLine(this.process.stdout, line);
  },
});

/** Each command by its verb. */
export const auditCommands = { list, export: exportLog, verify, key, checkpoint } as const;

function failureText({ text, kind }: NonNullable<Verdict["finding"]>): string {
  return `not verified: ${text}; ${WHAT_TO_DO[kind]}`;
}

/** @throws CliError "not verified" */
function openKept(note: string, keys: readonly NoteKey[]) {
  try {
    return openCheckpoint(note, keys, crypto);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(EXIT.notVerified, `not verified: the checkpoint that was kept: ${why}`, { cause });
  }
}

/** @throws RangeError */
function noteKey(text: string): NoteKey {
  return parseNoteKey(text, crypto);
}
