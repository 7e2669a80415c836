/** The annotated bytes of docs/protocol.md, all from the committed vectors. */
import { AdvisoryList } from "../../protocol/advisory.js";
import { Authority } from "../../protocol/authority.js";
import { AuthorityReply, AuthorityRequest } from "../../protocol/authority-links.js";
import { splitBundle } from "../../protocol/bundle.js";
import { fromHex } from "../../protocol/bytes.js";
import { Directive } from "../../protocol/directive.js";
import { Lease } from "../../protocol/lease.js";
import { LedgerPart, LedgerRequest } from "../../protocol/ledger-part.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncReply, SyncRequest } from "../../protocol/sync.js";
import { type EnvelopeVector, isError, type Vector } from "../vectors/json.js";
import { readVectors } from "../vectors/read.js";
import { annotatedEnvelope, annotatedFrame, annotatedPayload, annotatedToBeSigned } from "./annotated.js";
import { type Named, namedPayload } from "./names.js";

/** Marker → Markdown. */
export function examples(): ReadonlyMap<string, string> {
  return new Map([
    ["directive-bytes", directiveBytes()],
    ["quorum-bytes", quorumBytes()],
    ["sync-bytes", syncBytes()],
    ["receipt-bytes", payloadBytes(Receipt)],
    ["links-bytes", linksBytes()],
    ["ledger-bytes", ledgerBytes()],
    ["advisory-bytes", payloadBytes(AdvisoryList)],
  ]);
}

const SHOWN_IN_THE_TEXT: readonly Message<unknown>[] = [
  Authority,
  AuthorityRequest,
  AuthorityReply,
  Directive,
  Release,
  Lease,
  AdvisoryList,
  SyncRequest,
  SyncReply,
  Receipt,
  LedgerPart,
  LedgerRequest,
];

/** The fullest example of a message, for the table of its fields; none for those that the text shows. */
export function exampleOf(message: Message<unknown>): string | undefined {
  return SHOWN_IN_THE_TEXT.includes(message) ? undefined : payloadBytes(message);
}

/** All good examples of each message: its name, and what it holds. */
export function namedExamples(): readonly (readonly [message: string, payload: Named])[] {
  return [...SIGNED_MESSAGES, ...PLAIN_MESSAGES].flatMap((message) =>
    readVectors(`${message.name}.json`)
      .filter(({ want, oneWay }) => !isError(want) && !oneWay)
      .map(({ hex }) => [message.name, namedPayload(message, fromHex(hex))] as const),
  );
}

function directiveBytes(): string {
  const { hex, fleetId } = vector<EnvelopeVector>("envelope.json", "ES256: a directive");
  const envelope = fromHex(hex);
  const [signed, size] = annotatedToBeSigned(envelope, fromHex(fleetId.hex));
  return [
    `The envelope, ${envelope.length} bytes:`,
    annotatedEnvelope(Directive, envelope, "hold", "whole"),
    `What its signature covers (Sig_structure, RFC 9052 §4.4), ${size} bytes:`,
    signed,
  ].join("\n\n");
}

function quorumBytes(): string {
  const bytes = bytesOf("quorum.json", "two of three");
  return [
    `A release that two keys signed, ${bytes.length} bytes (\`two of three\` in \`test/vectors/quorum.json\`):`,
    annotatedEnvelope(Release, bytes, "release", "cut"),
  ].join("\n\n");
}

function syncBytes(): string {
  return [payloadBytes(SyncRequest), frameBytes(SyncReply), payloadBytes(Lease)].join("\n\n");
}

function linksBytes(): string {
  const [, link] = splitBundle(
    bytesOf("authority-chain.json", "the root goes from one key to two of two"),
  ) as [Uint8Array, Uint8Array];
  return [
    frameBytes(AuthorityRequest),
    frameBytes(AuthorityReply),
    `A link, ${link.length} bytes: version 2, in which the root goes from one key to two of two. The old key and both new ones have signed (\`test/vectors/authority-chain.json\`):`,
    annotatedEnvelope(Authority, link, "root", "cut"),
  ].join("\n\n");
}

function ledgerBytes(): string {
  return [frameBytes(LedgerRequest), frameBytes(LedgerPart)].join("\n\n");
}

function payloadBytes(message: Message<unknown>): string {
  const { name, hex } = fullest(message);
  const bytes = fromHex(hex);
  const where = `\`${name}\` in \`test/vectors/${message.name}.json\``;
  const what = `Payload of ${aOrAn(message.name)} \`${message.name}\`, ${bytes.length} bytes (${where}):`;
  return `${what}\n\n${annotatedPayload(message, bytes)}`;
}

function frameBytes(message: Message<unknown>): string {
  const bytes = bytesOf("frame.json", `${message.name}, ${fullest(message).name}`);
  const what = `Frame of ${aOrAn(message.name)} \`${message.name}\`, ${bytes.length} bytes:`;
  return `${what}\n\n${annotatedFrame(message, bytes)}`;
}

function aOrAn(name: string): string {
  return /^[aeiou]/.test(name) ? "an" : "a";
}

/** The one from which the bad vectors of a message are made. */
function fullest({ name }: Message<unknown>): Vector {
  const all = readVectors(`${name}.json`);
  return ["full", "usual"].flatMap((word) => all.filter((each) => each.name === word))[0] ?? all[0]!;
}

function bytesOf(file: string, name: string): Uint8Array {
  return fromHex(vector(file, name).hex);
}

function vector<V extends Vector = Vector>(file: string, name: string): V {
  const found = readVectors<V>(file).find((each) => each.name === name);
  if (!found) throw new RangeError(`test/vectors/${file} has no "${name}"`);
  return found;
}
