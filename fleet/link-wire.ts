/**
 * What a gateway that is a process of its own and the service say to each other: `FleetLink` as messages. Each
 * side's are one ordered stream, so that a gateway has heard of a change before it sees an answer that follows
 * from it. Nothing here knows of sockets; the numbers of the messages are of this wire alone.
 */
import { deviceNumber, publicKey } from "../protocol/common.js";
import type { PublicKey } from "../protocol/crypto.js";
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame, encodeFrame, frameType } from "../protocol/frame.js";
import { field, message } from "../protocol/schema.js";
import { array, bytes, choice, text, uint } from "../protocol/types.js";
import { encodePacket, type Packet } from "./link-packets.js";
import {
  encodeStandings,
  MAX_STANDINGS,
  readStandings,
  STANDING_BYTES,
  type StandingRecord,
} from "./link-standings.js";

/** Service to gateway. First a snapshot from `welcome` to `ready`, then changes and answers as they come. */
export type News =
  | { readonly type: "welcome"; readonly ticketSeed: Uint8Array }
  /** A link of the chain of Authorities: in a snapshot all of them, oldest first. */
  | { readonly type: "authority"; readonly document: Uint8Array }
  | { readonly type: "beacon"; readonly document: Uint8Array; readonly parts: readonly Uint8Array[] }
  | { readonly type: "standings"; readonly records: readonly StandingRecord[] }
  | { readonly type: "ready" }
  | { readonly type: "push"; readonly number: number; readonly document: Uint8Array }
  | { readonly type: "broadcast"; readonly document: Uint8Array }
  | { readonly type: "answer"; readonly id: number; readonly documents: readonly Uint8Array[] }
  | { readonly type: "failure"; readonly id: number; readonly code: FailureCode; readonly text: string }
  /** Over a bus alone: all that follows from the log up to here was told. */
  | { readonly type: "position"; readonly position: number };

/** Gateway to service. Answers name the `id`, and come in any order. */
export type Question = { readonly id: number } & Asked;
export type Asked =
  | { readonly type: "handle"; readonly number: number; readonly message: Uint8Array }
  | { readonly type: FrameQuestion; readonly message: Uint8Array }
  | { readonly type: "certify"; readonly publicKey: PublicKey; readonly hosts: readonly string[] };
export type FrameQuestion = keyof typeof FRAME_QUESTIONS;

/** `malformed`: what was asked cannot be read; `failed`: the service could not do it. */
export type FailureCode = keyof typeof FAILURES;

/** Both sides must speak the same one: they come from one build. */
export const LINK_VERSION = 3;
const MAX_FAILURE_BYTES = 512;
const MAX_HOSTS = 16;
const MAX_HOST_BYTES = 253;
const FAILURES = { malformed: 1, failed: 2 } as const;
const FRAME_QUESTIONS = { authorities: 1, ledger: 2, time: 3 } as const;

const id = field(1, uint(), "chosen by the gateway; the answer names it");

const Welcome = message(1, "link-welcome", {
  version: field(1, uint(255), "of this wire"),
  ticketSeed: field(2, bytes(32), "for the keys of TLS tickets"),
});
const Standings = message(2, "link-standings", {
  records: field(1, bytes({ max: MAX_STANDINGS * STANDING_BYTES }), "packed; see link-standings.ts"),
});
const Told = message(3, "link-told", {
  what: field(1, choice({ authority: 1, beacon: 2, broadcast: 3, ready: 4 }), "what the documents are"),
});
const Push = message(4, "link-push", { number: field(1, deviceNumber, "for whom the document is") });
const Answer = message(5, "link-answer", { id });
const Failure = message(6, "link-failure", {
  id,
  code: field(2, choice(FAILURES), "whose fault it was"),
  text: field(3, text(MAX_FAILURE_BYTES), "for logs"),
});
const Reached = message(7, "link-position", {
  position: field(1, uint(), "of a record in the log; 0: before the first"),
});
const Handle = message(16, "link-handle", {
  id,
  number: field(2, deviceNumber, "in the certificate of the session"),
});
const Ask = message(17, "link-ask", {
  id,
  what: field(2, choice(FRAME_QUESTIONS), "which frame comes with it"),
});
const Certify = message(18, "link-certify", {
  id,
  publicKey: field(2, publicKey, "of the gateway"),
  hosts: field(3, array(text(MAX_HOST_BYTES), { max: MAX_HOSTS }), "where devices reach it"),
});

/** @throws ProtocolError when it breaks a bound. */
export function encodeNews(news: News): Uint8Array {
  switch (news.type) {
    case "welcome":
      return encodePacket(encodeFrame(Welcome, { version: LINK_VERSION, ticketSeed: news.ticketSeed }));
    case "standings":
      return encodePacket(encodeFrame(Standings, { records: encodeStandings(news.records) }));
    case "ready":
      return encodePacket(encodeFrame(Told, { what: "ready" }));
    case "authority":
    case "broadcast":
      return encodePacket(encodeFrame(Told, { what: news.type }), [news.document]);
    case "beacon":
      return encodePacket(encodeFrame(Told, { what: "beacon" }), [news.document, ...news.parts]);
    case "push":
      return encodePacket(encodeFrame(Push, news), [news.document]);
    case "answer":
      return encodePacket(encodeFrame(Answer, news), news.documents);
    case "failure":
      return encodePacket(encodeFrame(Failure, { ...news, text: shortened(news.text) }));
    case "position":
      return encodePacket(encodeFrame(Reached, news));
  }
}

/** @throws ProtocolError for what no service of this build says. */
export function readNews({ frame, documents }: Packet): News {
  const type = frameType(frame);
  switch (type) {
    case Welcome.type:
      return welcome(frame, documents);
    case Standings.type:
      none(documents);
      return { type: "standings", records: readStandings(decodeFrame(Standings, frame).records) };
    case Told.type:
      return told(frame, documents);
    case Push.type:
      return { type: "push", ...decodeFrame(Push, frame), document: only(documents) };
    case Answer.type:
      return { type: "answer", ...decodeFrame(Answer, frame), documents };
    case Failure.type:
      none(documents);
      return { type: "failure", ...decodeFrame(Failure, frame) };
    case Reached.type:
      none(documents);
      return { type: "position", ...decodeFrame(Reached, frame) };
    default:
      throw new ProtocolError("unknown-type", `no service says ${type} on a gateway's link`);
  }
}

/** @throws ProtocolError when it breaks a bound. */
export function encodeQuestion(question: Question): Uint8Array {
  switch (question.type) {
    case "handle":
      return encodePacket(encodeFrame(Handle, question), [question.message]);
    case "certify":
      return encodePacket(encodeFrame(Certify, question));
    default:
      return encodePacket(encodeFrame(Ask, { id: question.id, what: question.type }), [question.message]);
  }
}

/** @throws ProtocolError for what no gateway of this build asks. */
export function readQuestion({ frame, documents }: Packet): Question {
  const type = frameType(frame);
  switch (type) {
    case Handle.type:
      return { type: "handle", ...decodeFrame(Handle, frame), message: only(documents) };
    case Ask.type: {
      const { id: asked, what } = decodeFrame(Ask, frame);
      return { type: what, id: asked, message: only(documents) };
    }
    case Certify.type:
      none(documents);
      return { type: "certify", ...decodeFrame(Certify, frame) };
    default:
      throw new ProtocolError("unknown-type", `no gateway asks ${type} on its link`);
  }
}

/** @throws ProtocolError "unknown-type" for another version of this wire than ours. */
export function assertSpoken(version: number, who: string): void {
  if (version === LINK_VERSION) return;
  const both = `${who} speaks version ${version} of the link, and we speak ${LINK_VERSION}`;
  throw new ProtocolError("unknown-type", `${both}: start both from one build`);
}

function welcome(frame: Uint8Array, documents: readonly Uint8Array[]): News {
  none(documents);
  const { version, ticketSeed } = decodeFrame(Welcome, frame);
  assertSpoken(version, "the service");
  return { type: "welcome", ticketSeed };
}

function told(frame: Uint8Array, documents: readonly Uint8Array[]): News {
  const { what } = decodeFrame(Told, frame);
  if (what === "ready") {
    none(documents);
    return { type: "ready" };
  }
  if (what !== "beacon") return { type: what, document: only(documents) };
  const [document, ...parts] = documents;
  return { type: "beacon", document: only(document ? [document] : []), parts };
}

function only(documents: readonly Uint8Array[]): Uint8Array {
  const [document] = documents;
  if (document && documents.length === 1) return document;
  throw new ProtocolError("malformed", `${documents.length} documents came with what takes one`);
}

function none(documents: readonly Uint8Array[]): void {
  if (documents.length > 0) throw new ProtocolError("malformed", "documents came with what takes none");
}

/** Cut so that it fits, and is text whatever it was. */
function shortened(long: string): string {
  const cut = new TextEncoder().encode(long).subarray(0, MAX_FAILURE_BYTES - 8); // half a character grows to 3 bytes
  return new TextDecoder().decode(cut);
}
