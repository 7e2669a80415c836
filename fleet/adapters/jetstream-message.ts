/**
 * A log record as a message of the stream. Its sequence number is the record's position; its body is JSON
 * `{"subject":…,"events":[…]}`; its headers say where the subject had to end, and what the writer knew. No hash
 * stands in it that a reader takes on trust: each reader chains the records itself.
 */
import { headers, type MsgHdrs } from "nats";
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { Position, Subject } from "../ports.js";
import { chainHash, type Draft, draft } from "./record-chain.js";

/** The end of a history: a record's position, and the chain's hash there. */
export interface End {
  readonly position: Position;
  readonly hash: string;
}

/** The end of an empty log; as what a writer knew: it had none. */
export const NO_END: End = { position: 0, hash: chainHash(undefined) };

/** To be sent. */
export interface OutgoingMessage {
  /** Of NATS. */
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
}

/** As a stream keeps it. */
export interface StoredMessage {
  readonly sequence: number;
  /** Of NATS. */
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs | undefined;
}

/** What a stored message says, in bounds, but not compared with anything. */
export interface RecordMessage {
  readonly position: Position;
  readonly draft: Draft;
  readonly events: readonly FleetEvent[];
  /** Where its subject ended before it. */
  readonly expected: Position;
  /** The newest record in the writer's own copy. */
  readonly knew: End;
  /** Unique, by its writer. */
  readonly id: string;
}

/** This copy and the stream are not of one history, and `position` is where it shows. Code "fenced". */
export class OtherHistory extends FleetError {
  readonly position: Position;
  constructor(position: Position, how: string, options?: ErrorOptions) {
    super("fenced", `the stream ${how}; nobody signs until \`daymark recover\``, options);
    this.position = position;
  }
}

const ID = "Nats-Msg-Id";
const EXPECTED = "Nats-Expected-Last-Subject-Sequence";
const FOLLOWS = "Daymark-Follows";
const STREAM = "Nats-Expected-Stream";
const KNEW = "Daymark-Knew";

const NUMBER = /^\d{1,15}$/;
const END = /^(\d{1,15}) ([0-9a-f]{64})$/;

const utf8 = new TextDecoder("utf-8", { fatal: true });

export function writeMessage(
  stream: string,
  accepted: Draft,
  expected: Position,
  knew: End,
  id: string,
): OutgoingMessage {
  const set = headers();
  set.set(ID, id);
  set.set(STREAM, stream);
  set.set(EXPECTED, `${expected}`);
  set.set(FOLLOWS, `${expected}`);
  set.set(KNEW, `${knew.position} ${knew.hash}`);
  return {
    subject: natsSubject(stream, accepted.subject),
    payload: Buffer.from(body(accepted)),
    headers: set,
  };
}

/** For the server alone: the last message of the subject is at `end`, and overtaken. */
export function expectEnd({ headers: set }: OutgoingMessage, end: Position): void {
  set.set(EXPECTED, `${end}`);
}

/** @throws OtherHistory when it is none of ours. */
export function readMessage(stream: string, message: StoredMessage): RecordMessage {
  const { sequence, payload, headers: set } = message;
  const foreign = (cause?: unknown) =>
    new OtherHistory(sequence, `has a message ${sequence} that is no record of this log`, { cause });
  const [id, expected, knew] = [set?.get(ID), set?.get(FOLLOWS), END.exec(set?.get(KNEW) ?? "")];
  if (!id || !NUMBER.test(expected ?? "") || !knew) throw foreign();
  let accepted: Draft;
  let events: readonly FleetEvent[];
  try {
    const text = utf8.decode(payload);
    const record = JSON.parse(text) as { subject: Subject; events: readonly FleetEvent[] };
    events = record.events;
    accepted = draft(record.subject, events);
    if (
      !Array.isArray(events) ||
      body(accepted) !== text ||
      natsSubject(stream, record.subject) !== message.subject
    )
      throw foreign();
  } catch (cause) {
    throw foreign(cause);
  }
  return {
    position: sequence,
    draft: accepted,
    events,
    expected: Number(expected),
    knew: { position: Number(knew[1]), hash: knew[2]! },
    id,
  };
}

/** What a message becomes in every copy. */
export interface Placed {
  readonly draft: Draft;
  readonly events: readonly FleetEvent[];
  /** It came too late: others were let in before it, and its place is held by a record without effect. */
  readonly isOvertaken: boolean;
}

/** Of the records that hold the places of overtaken ones. */
const OVERTAKEN: Subject = "overtaken";
/** UTF-16 code units; what a writer of ours is called is far shorter. */
const MAX_ACTOR = 1_024;

/**
 * Servers of a cluster before 2.9.21 compare `Nats-Expected-Last-Subject-Sequence` before they agree on an order, so
 * of writers at the same moment several are let in. Whoever reads the stream decides it: the first one counts. Only
 * what a worker's copy proves does not depend on what came before.
 * @param head - where the subject ends before it.
 */
export function place(message: RecordMessage, head: Position): Placed {
  const { draft: own, events, expected } = message;
  const isOvertaken = expected !== head && !isProvenByCopy(events[0]);
  return isOvertaken ? overtaken(message) : { draft: own, events, isOvertaken };
}

export function overtaken({ events }: RecordMessage): Placed {
  const { at, actor } = (events[0] ?? {}) as { readonly at?: unknown; readonly actor?: unknown };
  const by = typeof actor === "string" && actor.length <= MAX_ACTOR ? actor : "fleet";
  const when = typeof at === "number" ? at : 0;
  const instead: readonly FleetEvent[] = [{ type: "decision-overtaken", at: when, actor: by }];
  return { draft: draft(OVERTAKEN, instead), events: instead, isOvertaken: true };
}

function isProvenByCopy(event: FleetEvent | undefined): boolean {
  const proof =
    event?.type === "fence-raised" ? (event.proof as { readonly kind?: unknown } | null) : undefined;
  return proof?.kind === "copy";
}

/** What stands between the headers; equal for equal records. */
export function body({ subject, eventsJson }: Pick<Draft, "subject" | "eventsJson">): string {
  return `{"subject":${JSON.stringify(subject)},"events":${eventsJson}}`;
}

/**
 * `device/7` is `<stream>.device.7`. Characters that NATS gives a meaning stand as `=` and two hex digits, an empty
 * part as `=`, so that no two subjects become one.
 */
export function natsSubject(stream: string, subject: Subject): string {
  const token = (part: string) =>
    part === "" ? "=" : part.replace(/[^A-Za-z0-9_-]/g, (c) => `=${c.charCodeAt(0).toString(16)}`);
  return [stream, ...subject.split("/").map(token)].join(".");
}
