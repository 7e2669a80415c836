/**
 * The tables of docs/protocol.md, from the declarations and the comments beside them:
 *
 *     npx tsx test/docs/tables.ts --write
 */
import { pathToFileURL } from "node:url";
import { ISSUER_PURPOSES, ROLES } from "../../protocol/authority.js";
import { COSE_ALGORITHMS, TYP_BASE } from "../../protocol/envelope.js";
import { LEVELS } from "../../protocol/level.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { ERROR_CODES, ROLE_REASONS, type RoleReason, SESSION_ROLES } from "../../protocol/notice.js";
import type { Message } from "../../protocol/schema.js";
import { ALARM_KINDS } from "../../protocol/sync.js";
import { x509Text } from "../peers/x509-text.js";
import { annotatedEnvelope } from "./annotated.js";
import { readDocument, table, writeDocument } from "./markdown.js";

export const PROTOCOL_DOCUMENT = "docs/protocol.md";

type SignedMessage = (typeof SIGNED_MESSAGES)[number];
type RoleSigned = Extract<SignedMessage, { signedBy: string }>["name"];

/** Who signs what no role of the Authority signs. */
const SIGNERS: Record<Exclude<SignedMessage["name"], RoleSigned>, string> = {
  authority: "`root`",
  "birth-record": "the station's certificate key",
  "enroll-request": "the IDevID key",
  "renew-request": "the LDevID key",
  "return-request": "the IDevID key",
  "sync-request": "the LDevID key; before there is one, the IDevID key",
  receipt: "as a sync request",
  "birth-request": "the key that it names",
  "birth-stored": "the IDevID key",
};

const REASONS: Record<RoleReason, string> = {
  ok: "nothing is withheld",
  "no-certificate": "none was shown",
  "bad-certificate": "it does not verify, or opens nothing here",
  "not-enrolled": "a factory identity alone: enroll",
  expired: "the LDevID has ended, or the IDevID was shown after enrollment: return",
  future: "it is not valid yet, by the gateway's clock",
  quarantined: "held at `restrict` or above: sync",
  "pending-import": "not said by gateways yet; an error has the same name",
  "old-generation": "its keys were replaced",
  revoked: "for good",
};

/** Marker → Markdown. */
export function tables(): ReadonlyMap<string, string> {
  return new Map([
    ["directive", annotatedEnvelope()],
    ["messages", messageTable()],
    ["fields", [...SIGNED_MESSAGES, ...PLAIN_MESSAGES].map(fieldTable).join("\n\n")],
    ["words", wordTable()],
    ["errors", commentedTable("protocol/notice.ts", "ERROR_CODES", ERROR_CODES)],
    ["reasons", reasonTable()],
    ["refusals", refusalTable()],
  ]);
}

function messageTable(): string {
  const signed = SIGNED_MESSAGES.map((message) => [
    String(message.type),
    `[\`${message.name}\`](#${message.name})`,
    `envelope, typ ${TYP_BASE + message.type}`,
    "signedBy" in message ? `\`${message.signedBy}\`` : SIGNERS[message.name],
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

function fieldTable({ name, fields }: Pick<Message<unknown>, "name" | "fields">): string {
  const rows = Object.entries(fields)
    .sort(([, a], [, b]) => a.key - b.key)
    .map(([field, { key, type, optional, doc }]) => [
      String(key),
      `\`${field}\``,
      `\`${type.label}\``,
      optional ? "" : "yes",
      doc,
    ]);
  return `#### \`${name}\`\n\n${table(["Key", "Field", "Type", "Required", "Meaning"], rows, [0])}`;
}

function wordTable(): string {
  const words = {
    level: LEVELS,
    "key role": ROLES,
    algorithm: COSE_ALGORITHMS,
    "issuer purpose": ISSUER_PURPOSES,
    "alarm kind": ALARM_KINDS,
    "session role": SESSION_ROLES,
  };
  const rows = Object.entries(words).map(([what, numbers]) => [
    what,
    Object.entries(numbers)
      .map(([word, number]) => `${number} \`${word}\``)
      .join(", "),
  ]);
  return table(["What", "Numbers"], rows);
}

function reasonTable(): string {
  const rows = Object.entries(ROLE_REASONS).map(([reason, number]) => [
    String(number),
    `\`${reason}\``,
    REASONS[reason as RoleReason],
  ]);
  return table(["Number", "Reason", "Means"], rows, [0]);
}

function refusalTable(): string {
  const rows = [
    ...readDocument("protocol/errors.ts").matchAll(/^ {2}\| "([a-z-]+)"(?:;)?(?: \/\/ (.+))?$/gm),
  ];
  return table(
    ["Code", "Bytes are refused because"],
    rows.map(([, code, why]) => [`\`${code}\``, why ?? "the signature does not verify"]),
  );
}

/** A table of numbers whose meaning stands in the comment beside each. */
function commentedTable(file: string, name: string, numbers: Readonly<Record<string, number>>): string {
  const declaration = readDocument(file).split(`export const ${name} = {`)[1]?.split("}")[0] ?? "";
  const rows = Object.entries(numbers).map(([word, number]) => {
    const comment = new RegExp(`\\b${word}"?: ${number}, // (.+)`).exec(declaration)?.[1];
    if (comment === undefined) throw new RangeError(`${file}: ${name}.${word} has no comment`);
    return [String(number), `\`${word}\``, comment];
  });
  return table(["Number", "Code", "Means"], rows, [0]);
}

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href) {
  if (process.argv.includes("--write"))
    writeDocument(PROTOCOL_DOCUMENT, new Map([...tables(), ["x509", x509Text()]]));
  else for (const [name, text] of tables()) process.stdout.write(`${name}\n\n${text}\n\n`);
}
