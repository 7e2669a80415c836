/**
 * How a log record is written down: `<SHA-256 of the body> <body>`, the body being JSON that names the
 * record's own position and the hash of the body before it. So damage, a record moved or left out, and a
 * tail that belongs to another log are all found when reading. It is no proof against a writer who
 * recomputes the chain.
 */
import { hash } from "node:crypto";
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { LogRecord, Position, Subject } from "../ports.js";

/** Bound on the events of one record, as JSON, in bytes. */
const MAX_RECORD_BYTES = 1024 * 1024;

const SUBJECT = /^[\x21-\x7e]{1,64}$/;
const HASH_CHARACTERS = 64;

/** What stands before the first record: every log starts the same way. */
const CHAIN_START = "0".repeat(HASH_CHARACTERS);

/** An append that passed the bounds. `eventsJson` is taken at once, so later changes by the caller do not count. */
export interface Draft {
  readonly subject: Subject;
  readonly eventsJson: string;
  readonly sizeBytes: number;
}

/** @throws FleetError "bad-request". */
export function draft(subject: Subject, events: readonly FleetEvent[]): Draft {
  if (!SUBJECT.test(subject)) {
    throw new FleetError("bad-request", "a log subject has 1 to 64 printable ASCII characters and no space");
  }
  if (events.length === 0) throw new FleetError("bad-request", "a log record needs at least one event");
  const eventsJson = JSON.stringify(events);
  const sizeBytes = Buffer.byteLength(eventsJson);
  if (sizeBytes > MAX_RECORD_BYTES) {
    throw new FleetError(
      "bad-request",
      `one decision has ${sizeBytes} bytes of events; split it below ${MAX_RECORD_BYTES}`,
    );
  }
  return { subject, eventsJson, sizeBytes };
}

/** What the loser of two writers gets. */
export function conflict(subject: Subject): FleetError {
  return new FleetError("conflict", `${subject} has newer events; read them and decide again`);
}

/** The stored form of `draft` at `position`, after the record whose stored form starts with `previous`. */
export function sealRecord(position: Position, { subject, eventsJson }: Draft, previous: string): string {
  const head = JSON.stringify({ position, subject, previous });
  const body = `${head.slice(0, -1)},"events":${eventsJson}}`;
  return `${sha256(body)} ${body}`;
}

/** The hash that the record after `stored` must name. */
export function chainHash(stored: string | undefined): string {
  return stored === undefined ? CHAIN_START : stored.slice(0, HASH_CHARACTERS);
}

/**
 * Reads back what `sealRecord` wrote.
 * @param previous - `chainHash` of the record before.
 * @throws FleetError "storage-failed" naming `position`.
 */
export function openRecord(position: Position, stored: string | undefined, previous: string): LogRecord {
  if (stored === undefined) throw damaged(position, "is missing");
  const body = stored.slice(HASH_CHARACTERS + 1);
  if (stored !== `${sha256(body)} ${body}`) throw damaged(position, "is not as it was written");
  const record = JSON.parse(body) as LogRecord & { previous: string };
  if (record.position !== position) throw damaged(position, "is another record");
  if (record.previous !== previous) throw damaged(position, "does not follow the record before it");
  return { position, subject: record.subject, events: record.events, hash: chainHash(stored) };
}

function damaged(position: Position, how: string): FleetError {
  return new FleetError(
    "storage-failed",
    `event log: record ${position} ${how}; stop the server and restore the log from a backup`,
  );
}

function sha256(text: string): string {
  return hash("sha256", text, "hex");
}
