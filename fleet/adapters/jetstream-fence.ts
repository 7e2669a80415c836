/** Tells every other worker of a stream that its history is not the one that it was. */
import { randomUUID } from "node:crypto";
import { type NatsConnection, NatsError } from "nats";
import type { Clock } from "../../protocol/clock.js";
import type { FleetEvent } from "../events.js";
import type { Position } from "../ports.js";
import { FLEET_SUBJECT } from "../subjects.js";
import { isMessageMissing, isStreamMissing, pause, PAUSE_MS, REQUEST_MS } from "./jetstream-answers.js";
import { isLeftOut } from "./jetstream-left-out.js";
import { NO_END, natsSubject, OtherHistory, readMessage, writeMessage } from "./jetstream-message.js";
import { draft } from "./record-chain.js";

/** What became of it. */
export type Telling =
  | "told"
  /** Nobody can write. */
  | "not told"
  /** Whoever mended the stream left this worker's copy out: it has nothing to say. */
  | "left out";

/** How often it is tried, while others write or nobody answers. */
const ATTEMPTS = 10;
/** Of those, after which one that cannot find out whether it was left out speaks all the same: silence is the greater harm. */
const ATTEMPTS_TO_ASK = 4;

/**
 * Puts a `fence-raised` record at the end of the stream, unless this worker's already is the newest decision there,
 * or one says that this worker was left out.
 * It names no history of its own, so that readers whose history is the stream's take it.
 * @param position - where the copy of worker `worker` ends: who mends the stream needs one that goes as far.
 */
export async function raiseFence(
  nats: NatsConnection,
  stream: string,
  clock: Clock,
  worker: string,
  position: Position,
): Promise<Telling> {
  const proof = { kind: "copy", worker, position } as const;
  const event: FleetEvent = {
    type: "fence-raised",
    proof,
    at: Math.floor(clock.nowMs() / 1000),
    actor: `worker/${worker}`,
  };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const newest = await newestDecision(nats, stream);
      if (newest && isBy(worker, newest.event)) return "told";
      const mayAsk = newest !== undefined && attempt <= ATTEMPTS_TO_ASK;
      if (mayAsk && (await isLeftOut(nats, stream, clock, worker, newest.position))) return "left out";
      const accepted = draft(FLEET_SUBJECT, [event]);
      const message = writeMessage(stream, accepted, newest?.position ?? 0, NO_END, randomUUID());
      const { subject, payload, headers } = message;
      await nats.jetstream().publish(subject, payload, { headers, timeout: REQUEST_MS });
      return "told";
    } catch (error) {
      if (!(error instanceof NatsError)) throw error;
      if (nats.isClosed() || isStreamMissing(error)) return "not told";
      await pause(clock, PAUSE_MS);
    }
  }
  return "not told";
}

function isBy(worker: string, event: FleetEvent | undefined): boolean {
  return event?.type === "fence-raised" && event.proof.kind === "copy" && event.proof.worker === worker;
}

/** `event`: its first; undefined when it is no record of ours. */
async function newestDecision(
  nats: NatsConnection,
  stream: string,
): Promise<{ position: Position; event: FleetEvent | undefined } | undefined> {
  const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
  try {
    const query = { last_by_subj: natsSubject(stream, FLEET_SUBJECT) };
    const { seq, subject, data, header } = await manager.streams.getMessage(stream, query);
    const { events } = readMessage(stream, { sequence: seq, subject, payload: data, headers: header });
    return { position: seq, event: events[0] };
  } catch (error) {
    if (isMessageMissing(error)) return undefined;
    if (error instanceof OtherHistory) return { position: error.position, event: undefined };
    throw error;
  }
}
