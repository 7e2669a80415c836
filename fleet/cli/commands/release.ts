/**
 * `daymark release draft | sign | submit`: what only the holders of release and transfer keys may say. Drafts
 * come from the server, are signed on other machines, file in, file out, and go back.
 */
import { buildCommand } from "@stricli/core";
import { nodeCrypto as crypto } from "../../../protocol/adapters/node-crypto.js";
import { joinBundle, splitBundle } from "../../../protocol/bundle.js";
import { toHex } from "../../../protocol/bytes.js";
import { keyId, looksSigned } from "../../../protocol/cose.js";
import { readKeyFile } from "../../adapters/key-files.js";
import { printAct } from "../act-output.js";
import { actDetail, actIdParameter } from "../acts.js";
import { applyBundle, assertAllTaken, printApplied } from "../bundle-output.js";
import {
  type CliContext,
  clientAliases,
  type ClientFlags,
  clientFlags,
  connect,
  jsonFlag,
} from "../connection.js";
import { documentWords } from "../document-words.js";
import { CliError, EXIT } from "../exit.js";
import { readBytes, writeOut } from "../files.js";
import { fileFlag, fleetFlag } from "../flags.js";
import { printJson, printLine, printTable } from "../output.js";
import {
  fleetOf,
  readReleaseFile,
  type SignedFile,
  type SignedWords,
  signReleases,
} from "../release-signing.js";

interface DraftFlags extends ClientFlags {
  readonly out: string;
}

const fileParameter = {
  brief: "From daymark release draft, or sign",
  parse: String,
  placeholder: "file",
} as const;

const draft = buildCommand<DraftFlags, [string], CliContext>({
  docs: {
    brief: "Write down what a request still needs signed",
    fullDescription: [
      "For a fleet whose release or transfer keys are not on its server. The file holds the documents unsigned, and",
      "the chain of Authorities, which says which fleet it is and whose keys may sign; it holds no secrets. Of very",
      "many devices it holds the first ones: draft again once these are taken.",
      "",
      "Example: daymark release draft 0123456789abcdef --out lift.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: { ...clientFlags, out: fileFlag("The file to write") },
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [actIdParameter] },
  },
  async func({ out, ...flags }, id) {
    const client = await connect(flags, this);
    const { stdout, stderr } = this.process;
    const act = await actDetail(client, id);
    const bundle = await client.getBundle(`/v1/quarantine/${id}/drafts`);
    const { drafts } = readReleaseFile(bundle);
    await writeOut(out, bundle);
    const documents = drafts.map(documentWords);
    if (flags.json) printJson(stdout, { out, documents });
    else {
      printAct(stderr, act);
      printTable(stdout, [HEADING, ...documents.map((words) => rowOf(words))]);
    }
    const open = act.kind === "unadvise" ? 1 : act.progress.waiting;
    if (documents.length > 1 && documents.length < open)
      printLine(stderr, `${documents.length} of ${open} devices; draft again once these are taken`);
    printLine(
      stderr,
      `where the key for it is: daymark release sign ${out} --key KEYFILE --fleet ID --out FILE`,
    );
  },
});

interface SignFlags {
  readonly key: string;
  readonly fleet?: Uint8Array;
  readonly authority?: string;
  readonly out: string;
  readonly json: boolean;
}

const sign = buildCommand<SignFlags, [string], CliContext>({
  docs: {
    brief: "Add a release or transfer key's signature to drafts",
    fullDescription: [
      "Needs neither a server nor a network. Prints what it signs, each document in words; the reason and the act",
      "behind it are not part of a release: see what daymark release draft showed. Several people sign one after",
      "the other, each the file that the one before has written.",
      "",
      "A signature is for one fleet. Say which, from what you know yourself and not from the file: --fleet with its",
      "id, or --authority with its first Authority or chain of them. Drafts of another fleet are refused.",
      "",
      "Example: daymark release sign lift.bundle --key release-1.pem --authority chain.bundle --out lift-1.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: {
      key: fileFlag("Private release key; to give a device away, transfer key"),
      fleet: fleetFlag,
      authority: { ...fileFlag("The fleet's first Authority, or the chain of them"), optional: true },
      out: fileFlag("The file to write"),
      json: jsonFlag,
    },
    aliases: { j: "json" },
    positional: { kind: "tuple", parameters: [fileParameter] },
  },
  async func({ key, fleet, authority, out, json }, path) {
    const { stdout, stderr } = this.process;
    const known = authority === undefined ? fleet : splitBundle(await readBytes(authority, this.process));
    if (!known || (fleet && authority !== undefined))
      throw new CliError(EXIT.usage, "a signature is for one fleet: give --fleet ID, or --authority FILE");
    const file = readReleaseFile(await readBytes(path, this.process));
    const trust = fleetOf(file, known, crypto);
    const signer = await readKeyFile(key, crypto);
    const signed = signReleases(file, signer, trust, crypto);
    await writeOut(out, signed.bundle);
    const { documents } = signed;
    const kid = toHex(keyId(signer.publicKey, crypto));
    const fleetText = toHex(trust.fleetId);
    const many = documents.length === 1 ? "1 document" : `${documents.length} documents`;
    printLine(
      stderr,
      `signed ${many} with key ${kid}, for fleet ${fleetText} "${trust.authority.value.name}"`,
    );
    if (json) printJson(stdout, { out, key: kid, fleet: fleetText, documents });
    else printTable(stdout, [[...HEADING, "SIGNATURES"], ...documents.map(signedRow)]);
    printLine(stderr, afterSigning(signed, out));
  },
});

const submit = buildCommand<ClientFlags, [string], CliContext>({
  docs: {
    brief: "Bring signed drafts to the server",
    fullDescription: [
      "The server checks each document: all signatures, and that there are enough of them. Says of each whether it",
      "was taken or why not, and how many signatures it lacks. What was taken is in force. Exit code 0: all were",
      "taken; 5: signatures are missing; 1: something else was refused.",
      "",
      "Example: daymark release submit lift-2.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: clientFlags,
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [fileParameter] },
  },
  async func(flags, path) {
    const { drafts } = readReleaseFile(await readBytes(path, this.process));
    if (!drafts.every(looksSigned))
      throw new CliError(EXIT.conflict, `nobody has signed this yet: daymark release sign ${path} --help`);
    const client = await connect(flags, this);
    const applied = await applyBundle(client, joinBundle(drafts));
    printApplied(this.process.stdout, applied, flags.json);
    assertAllTaken(applied);
  },
});

/** Each command by its verb. */
export const releaseCommands = { draft, sign, submit } as const;

const HEADING = ["DOCUMENT", "ABOUT", "VERSION", "SAYS"];

function rowOf({ document, about, version, says }: ReturnType<typeof documentWords>): string[] {
  return [document, about, version, says];
}

function signedRow(words: SignedWords): string[] {
  return [...rowOf(words), `${words.signatures} of ${words.threshold}`];
}

function afterSigning({ documents }: SignedFile, out: string): string {
  const missing = Math.max(...documents.map(({ signatures, threshold }) => threshold - signatures));
  if (missing <= 0) return `complete; on the server: daymark release submit ${out}`;
  return `signatures still missing: ${missing}; next: daymark release sign ${out} --key KEYFILE --fleet ID --out FILE`;
}
