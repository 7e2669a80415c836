/**
 * The link of gateways and services over a bus: subjects, and what is in a message. A question goes to any service of
 * the fleet, several in one message, and the answers name the place in the log that they follow from. What changes
 * comes from one service as a stream of packets, cut into numbered messages. An empty message there: the sender goes.
 */
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame, encodeFrame } from "../protocol/frame.js";
import { field, message } from "../protocol/schema.js";
import { concatBytes } from "../protocol/bytes.js";
import { text, uint } from "../protocol/types.js";
import { encodePacket, type Packet, readPackets } from "./link-packets.js";
import {
  assertSpoken,
  encodeNews,
  LINK_VERSION,
  type News,
  type Question,
  readNews,
  readQuestion,
} from "./link-wire.js";

/** Of all services of one fleet: each message goes to one of them. */
export const SERVICES = "services";
/** A service says so often that it is there, and a gateway says what it has heard. */
export const HEARTBEAT_MS = 1_000;
/** So many heartbeats without a sign, and the other side is gone. */
export const MAX_MISSED = 4;
/** Messages of a feed that the gateway did not confirm yet. */
export const FEED_WINDOW = 32;
/** Body of one message of a feed, unless the bus carries less. */
export const MAX_PART_BYTES = 65_536;
/** Before the body: the message's number, big-endian. */
export const NUMBER_BYTES = 8;
/** In a failure: of all questions that came together. */
export const WHOLE_PACK = 0;

const FEED_DIGITS = 32;

export interface LinkSubjects {
  /** Packs of questions. Gateways ask; services listen in one queue. */
  readonly ask: string;
  /** Asks for a feed. Gateways ask; services listen in one queue. */
  readonly open: string;
  /** What the fleet tells one gateway. Its service publishes. */
  down(feed: string): string;
  /** What that gateway has heard. */
  up(feed: string): string;
}

/** Questions that go together. */
export interface Pack {
  /** How far the gateway is in the log: the answer must not know less. */
  readonly since: number;
  readonly questions: readonly Question[];
}
export type Answer = Extract<News, { readonly type: "answer" | "failure" }>;

export interface FeedRequest {
  /** As in a pack: the snapshot must not know less. */
  readonly since: number;
  /** Chosen by the gateway: 32 hex digits. */
  readonly feed: string;
}

const since = field(2, uint(), "how far the gateway is in the log");
const version = field(1, uint(255), "of this wire");
const Asking = message(19, "link-asking", { version, since });
const Open = message(20, "link-open", {
  version,
  since,
  feed: field(3, text(FEED_DIGITS), "names the subjects of the feed"),
});

/** @param fleetId - 32 hex digits. @throws RangeError */
export function linkSubjects(fleetId: string): LinkSubjects {
  if (!/^[0-9a-f]{32}$/.test(fleetId)) throw new RangeError("a fleet's id is 32 hex digits");
  const base = `daymark.${fleetId}`;
  return {
    ask: `${base}.ask`,
    open: `${base}.open`,
    down: (feed) => `${base}.down.${feed}`,
    up: (feed) => `${base}.up.${feed}`,
  };
}

/** @param questions - each from `encodeQuestion`. */
export function encodePack(gatewayAt: number, questions: readonly Uint8Array[]): Uint8Array {
  return concatBytes(packStart(gatewayAt), ...questions);
}

/** Bytes of a pack beside its questions, at most. */
export const PACK_START_BYTES = packStart(Number.MAX_SAFE_INTEGER).length;

/** @throws ProtocolError for what no gateway of this build asks. */
export function readPack(payload: Uint8Array): Pack {
  const [first, ...questions] = readPackets(payload);
  const asking = decodeFrame(Asking, alone(first));
  assertSpoken(asking.version, "a gateway");
  return { since: asking.since, questions: questions.map(readQuestion) };
}

/** @param answers - each from `encodeNews`. @param position - that all of them follow from. */
export function encodeAnswers(position: number, answers: readonly Uint8Array[]): Uint8Array {
  return concatBytes(encodeNews({ type: "position", position }), ...answers);
}

/** Bytes of answers beside themselves, at most. */
export const ANSWERS_START_BYTES = encodeAnswers(Number.MAX_SAFE_INTEGER, []).length;

/** @throws ProtocolError for what no service of this build answers. */
export function readAnswers(payload: Uint8Array): { position: number; answers: readonly Answer[] } {
  const [first, ...rest] = readPackets(payload).map(readNews);
  if (first?.type !== "position") throw new ProtocolError("malformed", "answers that name no position");
  return { position: first.position, answers: rest.map(answerOf) };
}

export function encodeFeedRequest({ since: gatewayAt, feed }: FeedRequest): Uint8Array {
  return encodePacket(encodeFrame(Open, { version: LINK_VERSION, since: gatewayAt, feed }));
}

/** @throws ProtocolError for what no gateway of this build asks. */
export function readFeedRequest(payload: Uint8Array): FeedRequest {
  const [first, ...more] = readPackets(payload);
  const frame = alone(first);
  if (more.length > 0) throw new ProtocolError("malformed", "more came with the request for a feed");
  const { version: spoken, since: gatewayAt, feed } = decodeFrame(Open, frame);
  assertSpoken(spoken, "a gateway");
  if (!/^[0-9a-f]{32}$/.test(feed))
    throw new ProtocolError("malformed", "a feed has a name of 32 hex digits");
  return { since: gatewayAt, feed };
}

/** A message of a feed, from 1 on; or, with no body, what a gateway has heard. */
export function numbered(number: number, ...body: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(NUMBER_BYTES);
  new DataView(head.buffer).setBigUint64(0, BigInt(number));
  return concatBytes(head, ...body);
}

/** @throws ProtocolError "malformed" */
export function readNumbered(payload: Uint8Array): { number: number; body: Uint8Array } {
  if (payload.length < NUMBER_BYTES) throw new ProtocolError("malformed", "a message without a number");
  const number = Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0));
  return { number, body: payload.subarray(NUMBER_BYTES) };
}

function packStart(gatewayAt: number): Uint8Array {
  return encodePacket(encodeFrame(Asking, { version: LINK_VERSION, since: gatewayAt }));
}

function alone(packet: Packet | undefined): Uint8Array {
  if (packet && packet.documents.length === 0) return packet.frame;
  throw new ProtocolError("malformed", "a message of the link that does not begin as one");
}

function answerOf(news: News): Answer {
  if (news.type === "answer" || news.type === "failure") return news;
  throw new ProtocolError("malformed", `${news.type} among answers`);
}
