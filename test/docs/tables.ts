/**
 * What docs/protocol.md shows of the source: tables of messages, words and codes, and annotated bytes:
 *
 *     npx tsx test/docs/tables.ts --write
 */
import { pathToFileURL } from "node:url";
import { TYP_BASE } from "../../protocol/cose.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import type { Message } from "../../protocol/schema.js";
import { x509Text } from "../peers/x509-text.js";
import { codeTables } from "./codes.js";
import { exampleOf, examples, namedExamples } from "./examples.js";
import { table, writeDocument } from "./markdown.js";
import { partsOf } from "./names.js";
import { wordTables } from "./words.js";

export const PROTOCOL_DOCUMENT = "docs/protocol.md";

type SignedMessage = (typeof SIGNED_MESSAGES)[number];
type RoleSigned = Extract<SignedMessage, { signedBy: string }>["name"];

/** Who signs what no role of the Authority signs, or not one role alone. */
const SIGNERS: Record<Exclude<SignedMessage["name"], RoleSigned> | "voucher", string> = {
  authority: "`root`, the old one and the new one",
  voucher: "`factory` (link 0), then `transfer` of the owner before",
  "birth-record": "the station's certificate key",
  "enroll-request": "the IDevID key",
  "renew-request": "the LDevID key",
  "return-request": "the IDevID key, or since a re-enrollment the key of that",
  "reenroll-request": "the new key that it names",
  "sync-request": "the LDevID key; with the IDevID shown, the IDevID key",
  receipt: "as a sync request",
  "birth-request": "the key that it names",
  "birth-stored": "the IDevID key",
};

/** Marker → Markdown. */
export function tables(): ReadonlyMap<string, string> {
  return new Map([
    ["messages", messageTable()],
    ["fields", [...SIGNED_MESSAGES, ...PLAIN_MESSAGES].map(fieldTable).join("\n\n")],
    ["parts", partTable()],
    ...wordTables(),
    ...codeTables(),
    ...examples(),
  ]);
}

function messageTable(): string {
  const signed = SIGNED_MESSAGES.map((message) => [
    String(message.type),
    `[\`${message.name}\`](#${message.name})`,
    `envelope, typ ${TYP_BASE + message.type}`,
    message.name in SIGNERS ? SIGNERS[message.name as keyof typeof SIGNERS] : `\`${roleOf(message)}\``,
  ]);
  const plain = PLAIN_MESSAGES.map(({ type, name }) => [
    String(type),
    `[\`${name}\`](#${name})`,
    "frame",
    "nobody",
  ]);
  const rows = [...signed, ...plain].sort(([a], [b]) => Number(a) - Number(b));
  return table(["Number", "Message", "Carrier", "Signed by"], rows, [0]);
}

function roleOf(message: SignedMessage): string {
  if ("signedBy" in message) return message.signedBy;
  throw new RangeError(`who signs a ${message.name}?`);
}

function fieldTable(message: Message<unknown>): string {
  const rows = Object.entries(message.fields)
    .sort(([, a], [, b]) => a.key - b.key)
    .map(([field, { key, type, optional, doc }]) => [
      String(key),
      `\`${field}\``,
      `\`${type.label}\``,
      optional ? "" : "yes",
      doc,
    ]);
  const fields = table(["Key", "Field", "Type", "Required", "Meaning"], rows, [0]);
  return [`#### \`${message.name}\``, fields, exampleOf(message) ?? []].flat().join("\n\n");
}

/** Maps inside of messages: what their keys are called. */
function partTable(): string {
  const messages: readonly string[] = [...SIGNED_MESSAGES, ...PLAIN_MESSAGES].map(({ name }) => name);
  const parts = [...partsOf(namedExamples())].filter(([rule]) => !messages.includes(rule));
  const rows = parts.map(([rule, keys]) => {
    const names = [...keys].sort(([a], [b]) => a - b).map(([key, name]) => `${key} \`${name}\``);
    return [`\`${rule}\``, names.join(", ")];
  });
  return table(["Rule of the CDDL", "Keys"], rows);
}

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href) {
  if (process.argv.includes("--write"))
    writeDocument(PROTOCOL_DOCUMENT, new Map([...tables(), ["x509", x509Text()]]));
  else for (const [name, text] of tables()) process.stdout.write(`${name}\n\n${text}\n\n`);
}
