/** `daymark envelope inspect | verify`: what a document says, and whether it is signed as it must be. */
import { buildCommand } from "@stricli/core";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import type { Trust } from "../../../protocol/authority.js";
import { splitBundle } from "../../../protocol/bundle.js";
import { toHex } from "../../../protocol/bytes.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { type Description, inspect as describe, inspectItem } from "../../../protocol/inspect.js";
import { orRefusal } from "../../../protocol/refusal.js";
import { authorityChain } from "../authority-chain.js";
import { type CliContext, jsonFlag } from "../connection.js";
import { type Verdict, verdictOn } from "../envelope-verdict.js";
import { CliError, EXIT } from "../exit.js";
import { readBytes, readText } from "../files.js";
import { fleetFlag } from "../flags.js";
import { NOTHING, printJson, printLine, printTable } from "../output.js";
import { readPublicKey } from "../public-key.js";

const file = {
  brief: "File with one document or a bundle; - for stdin",
  parse: String,
  placeholder: "file",
} as const;

interface InspectFlags {
  readonly json: boolean;
}

const inspect = buildCommand<InspectFlags, [string], CliContext>({
  docs: {
    brief: "Show what a document says",
    fullDescription: [
      "Prints envelopes, frames and bundles in diagnostic notation (RFC 8949 section 8), with the names of their",
      "fields as comments. Nothing is verified: see daymark envelope verify. Exit code 1 means that something in",
      "the file would be refused as it stands, whoever signed it.",
      "",
      "Example: daymark envelope inspect directive.cbor",
    ].join("\n"),
  },
  parameters: {
    flags: { json: jsonFlag },
    aliases: { j: "json" },
    positional: { kind: "tuple", parameters: [file] },
  },
  async func({ json }, path) {
    const documents = describe(await readBytes(path, this.process));
    const { stdout, stderr } = this.process;
    if (json) printJson(stdout, { documents: documents.map(described) });
    else
      for (const [i, document] of documents.entries()) printDocument(stdout, document, i, documents.length);
    const bad = documents.filter(({ error }) => error);
    for (const { error } of bad) printLine(stderr, `${error?.code}: ${error?.reason}`);
    if (bad.length > 0)
      throw new CliError(
        EXIT.failed,
        `${bad.length} of ${documents.length} documents would be refused as they stand`,
      );
  },
});

interface VerifyFlags extends InspectFlags {
  readonly authority?: string;
  readonly fleet?: Uint8Array;
  readonly key?: string;
}

const verify = buildCommand<VerifyFlags, [string], CliContext>({
  docs: {
    brief: "Check who signed a document, and whether they may",
    fullDescription: [
      "Every signature covers the fleet id, so say which fleet: --authority FILE (an Authority, or a bundle with",
      "the chain from version 1 on), or --fleet ID. Further links of the chain are taken from the file itself;",
      "with --fleet version 1 too, since the fleet id is its hash. What devices and stations sign needs --key,",
      "except an enroll-request, which carries its certificate. Exit code 0: all verified; 4: a signature is not",
      "what it must be; 1: something cannot be read, or was not checked.",
      "",
      "Example: daymark envelope verify bundle.cbor --authority authority.cbor",
      "Example: daymark envelope verify receipt.cbor --key device.pem --fleet 0123456789abcdef0123456789abcdef",
    ].join("\n"),
  },
  parameters: {
    flags: {
      authority: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "file",
        brief: "The fleet's Authority, or the chain of them",
      },
      fleet: fleetFlag,
      key: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "file",
        brief: "Public key of a device or station: PEM, or its bytes in hex or base64url",
      },
      json: jsonFlag,
    },
    aliases: { j: "json" },
    positional: { kind: "tuple", parameters: [file] },
  },
  async func(flags, path) {
    const { stdout, stderr } = this.process;
    if (!flags.authority && !flags.fleet)
      throw new CliError(
        EXIT.usage,
        "every signature covers the fleet id: give --authority FILE, or --fleet ID",
      );
    const key = flags.key === undefined ? undefined : readPublicKey(await readText(flags.key, this.process));
    const items = itemsOf(path, await readBytes(path, this.process));
    const { chain, fleet } = await trusted(flags, items, this.process);
    const given = { fleetId: fleet, chain, ...(key && { key }) };
    const results = items.map((bytes) => ({ ...inspectItem(bytes), ...verdictOn(bytes, given, nodeCrypto) }));
    const newest = chain.at(-1)?.authority.value;
    if (flags.json) {
      const authority = newest && { name: newest.name, version: newest.version };
      printJson(stdout, { fleet: toHex(fleet), authority, documents: results.map(judged) });
    } else {
      const by = newest ? ` "${newest.name}", by its Authority version ${newest.version}` : "";
      printLine(stderr, `judged for fleet ${toHex(fleet)}${by}`);
      printTable(stdout, [HEADING, ...results.map(verdictRow)]);
    }
    failUnlessVerified(results);
  },
});

/** Each command by its verb. */
export const envelopeCommands = { inspect, verify } as const;

type Result = Description & Verdict;

/** @throws CliError when the file given with --authority does not begin a chain. */
async function trusted(
  flags: VerifyFlags,
  items: readonly Uint8Array[],
  process: NodeJS.Process,
): Promise<{ readonly chain: readonly Trust[]; readonly fleet: Uint8Array }> {
  const { authority } = flags;
  const anchors = authority === undefined ? items : itemsOf(authority, await readBytes(authority, process));
  const { chain, refusal } = authorityChain(anchors, [...anchors, ...items], flags.fleet, nodeCrypto);
  const fleet = flags.fleet ?? chain[0]?.fleetId;
  if (fleet && (chain.length > 0 || authority === undefined)) return { chain, fleet };
  if (refusal) throw new CliError(EXIT.denied, `${authority}: ${refusal.message}`, { cause: refusal });
  throw new CliError(
    EXIT.usage,
    `${authority} holds no Authority of version 1, which every chain begins with`,
  );
}

function failUnlessVerified(results: readonly Result[]): void {
  const count = (...verdicts: readonly Verdict["verdict"][]) =>
    results.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const refused = count("refused");
  const rest = count("unreadable", "not-checked");
  const of = `of ${results.length} documents`;
  if (refused > 0) throw new CliError(EXIT.denied, `${refused} ${of} must not be believed`);
  if (rest > 0) throw new CliError(EXIT.failed, `${rest} ${of} could not be verified`);
}

const HEADING = ["ITEM", "DOCUMENT", "VERDICT", "KEYS", "WHY"] as const;

function verdictRow({ message, kind, verdict, code, reason, signers }: Result, i: number): string[] {
  const keys = signers.map(({ algorithm, kid }) => `${algorithm} ${kid}`).join(", ");
  const why = code === undefined ? reason : `${code}: ${reason}`;
  return [String(i + 1), message ?? kind, verdict, keys || NOTHING, why];
}

/** As JSON shows it. */
function described({ notation, ...rest }: Description): object {
  return { ...rest, notation: notation.join("\n") };
}

function judged({ notation: _shown, error: _known, signatures: _claimed, ...rest }: Result): object {
  return rest;
}

/** All of stdout together is diagnostic notation too: a sequence (RFC 8742 section 4.2) with comments. */
function printDocument(stdout: NodeJS.WriteStream, document: Description, i: number, count: number): void {
  const { kind, message, type, sizeBytes, signatures, notation } = document;
  const what = type === undefined ? kind : `${message ?? "unknown"} (${type}), ${kind}`;
  const claims = signatures.map(({ algorithm, kid }) => `, claims key ${kid} (${algorithm})`).join("");
  printLine(stdout, `/ ${i + 1} of ${count}: ${what}, ${sizeBytes} bytes${claims} /`);
  const end = i < count - 1 ? "," : "";
  for (const line of notation.slice(0, -1)) printLine(stdout, line);
  printLine(stdout, `${notation.at(-1)}${end}`);
}

/** @throws CliError "failed" for what is no bundle. */
function itemsOf(path: string, bytes: Uint8Array): readonly Uint8Array[] {
  const items = orRefusal(() => splitBundle(bytes));
  if (items instanceof ProtocolError)
    throw new CliError(EXIT.failed, `${path}: ${items.code}: ${items.message}`, { cause: items });
  return items;
}
