/** `daymark bundle export | inspect | apply`: documents by file, where no network goes. */
import { buildCommand } from "@stricli/core";
import { splitBundle } from "../../../protocol/bundle.js";
import { fromBase64Url } from "../../events.js";
import { applyBundle, assertAllTaken, printApplied } from "../bundle-output.js";
import {
  type CliContext,
  clientAliases,
  type ClientFlags,
  clientFlags,
  connect,
  jsonFlag,
} from "../connection.js";
import { deviceNumber } from "../device-number.js";
import { documentWords } from "../document-words.js";
import { CliError, EXIT } from "../exit.js";
import { assertReplaceable, readBytes, writeOut } from "../files.js";
import { fileFlag } from "../flags.js";
import { printJson, printLine, printTable } from "../output.js";

const fileParameter = { brief: "A bundle, - for stdin", parse: String, placeholder: "file" } as const;

interface ExportFlags extends ClientFlags {
  readonly device?: number;
  readonly out: string;
}

const exportBundle = buildCommand<ExportFlags, [], CliContext>({
  docs: {
    brief: "Write all that a device may lack, to be carried to it",
    fullDescription: [
      "With --device everything that this device has not confirmed: it can be held so, however far it is from any",
      "network. Without, what concerns all devices. Every document proves itself, so that the file may go through",
      "any hands; on the device's side: daymark device apply. Nothing in it can free a device: for that the device",
      "asks, see daymark device challenge, and the answer is carried back.",
      "",
      "Example: daymark bundle export --device 7 --out for-7.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      device: {
        kind: "parsed",
        parse: deviceNumber,
        optional: true,
        placeholder: "number",
        brief: "For this device; without, for all",
      },
      out: fileFlag("The file to write"),
    },
    aliases: clientAliases,
  },
  async func({ device, out, ...flags }) {
    const client = await connect(flags, this);
    const bundle = await client.getBundle(`/v1/bundle${device === undefined ? "" : `?device=${device}`}`);
    const { stdout, stderr } = this.process;
    const documents = splitBundle(bundle).map(documentWords);
    if (documents.length > 0) await writeOut(out, bundle);
    if (flags.json) printJson(stdout, { out, documents });
    else printTable(stdout, [HEADING, ...documents.map(rowOf)]);
    printLine(
      stderr,
      documents.length > 0
        ? `${documents.length} documents, ${bundle.length} bytes in ${out}`
        : "nothing is lacking: no file was written",
    );
  },
});

interface InspectFlags {
  readonly json: boolean;
}

const inspect = buildCommand<InspectFlags, [string], CliContext>({
  docs: {
    brief: "Show what is in a bundle, a line for each document",
    fullDescription: [
      "Needs no server. Says what each document claims to be, about whom, and of which version; signatures are not",
      "looked at: see daymark envelope verify, and daymark envelope inspect for every field.",
      "",
      "Example: daymark bundle inspect for-7.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: { json: jsonFlag },
    aliases: { j: "json" },
    positional: { kind: "tuple", parameters: [fileParameter] },
  },
  async func({ json }, path) {
    const documents = splitBundle(await readBytes(path, this.process)).map(documentWords);
    if (json) printJson(this.process.stdout, { documents });
    else printTable(this.process.stdout, [HEADING, ...documents.map(rowOf)]);
    const bad = documents.filter(({ document }) => document === "unreadable").length;
    if (bad > 0) throw new CliError(EXIT.failed, `${bad} of ${documents.length} documents cannot be read`);
  },
});

interface ApplyFlags extends ClientFlags {
  readonly out?: string;
}

const apply = buildCommand<ApplyFlags, [string], CliContext>({
  docs: {
    brief: "Bring a bundle to the server",
    fullDescription: [
      "Receipts and requests that devices wrote, documents and Authorities that were signed elsewhere, and documents",
      "of this fleet's own that it has lost. Says of each whether it was taken, was refused and why, or is nothing",
      "for a server. What devices asked is answered into --out, to be carried back to them.",
      "Exit code 0: nothing was refused; 5: signatures are missing; 1: something else was refused.",
      "",
      "Example: daymark bundle apply from-7.bundle --out for-7.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      out: { ...fileFlag("Where answers for devices are written"), optional: true },
    },
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [fileParameter] },
  },
  async func({ out, ...flags }, path) {
    const bundle = await readBytes(path, this.process);
    if (out !== undefined) await assertReplaceable(out);
    const applied = await applyBundle(await connect(flags, this), bundle);
    const { stdout, stderr } = this.process;
    const { answers, unanswered } = applied;
    if (answers !== undefined && out !== undefined) await writeOut(out, fromBase64Url(answers));
    printApplied(stdout, applied, flags.json);
    if (answers !== undefined)
      printLine(
        stderr,
        out === undefined ? UNWRITTEN : `answers for devices are in ${out}: carry it back to them`,
      );
    if (unanswered > 0)
      printLine(stderr, `${unanswered} answers had no room: apply fewer questions at a time`);
    assertAllTaken(applied);
  },
});

/** Each command by its verb. */
export const bundleCommands = { export: exportBundle, inspect, apply } as const;

const UNWRITTEN = "devices asked, and the answers were not written down: apply it again with --out FILE";
const HEADING = ["ITEM", "DOCUMENT", "ABOUT", "VERSION", "SAYS"];

function rowOf({ document, about, version, says }: ReturnType<typeof documentWords>, i: number): string[] {
  return [String(i + 1), document, about, version, says];
}
