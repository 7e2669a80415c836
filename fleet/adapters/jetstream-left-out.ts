/** Whether those who mended a stream left a worker out: read in the stream itself, since its own copy may be another. */
import { createInbox, ErrorCode, NatsError, type NatsConnection } from "nats";
import type { Clock, Timer } from "../../protocol/clock.js";
import type { Position } from "../ports.js";
import { FLEET_SUBJECT } from "../subjects.js";
import { REQUEST_MS } from "./jetstream-answers.js";
import { consumerAfter, deliveries } from "./jetstream-deliveries.js";
import { natsSubject, OtherHistory, readMessage, type StoredMessage } from "./jetstream-message.js";

/** In which nothing is brought: the consumer is of no use. */
const SILENCE_MS = 2_000;

/**
 * Reads all decisions of the stream.
 * @param until - position of the newest decision.
 * @throws NatsError when they could not be read.
 */
export async function isLeftOut(
  nats: NatsConnection,
  stream: string,
  clock: Clock,
  worker: string,
  until: Position,
): Promise<boolean> {
  const inbox = createInbox();
  const subscription = nats.subscribe(inbox);
  const listen = () => clock.after(SILENCE_MS, () => subscription.unsubscribe());
  let silence: Timer = listen();
  try {
    const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
    const filter_subject = natsSubject(stream, FLEET_SUBJECT);
    await manager.consumers.add(stream, { ...consumerAfter(0, inbox), filter_subject });
    for await (const message of deliveries(nats, subscription, nothing, () => Promise.resolve())) {
      if (leavesOut(stream, message, worker)) return true;
      if (message.sequence >= until) return false;
      silence.cancel();
      silence = listen();
    }
    throw new NatsError("the decisions of the stream were not brought", ErrorCode.Timeout);
  } finally {
    silence.cancel();
    if (!nats.isClosed()) subscription.unsubscribe();
  }
}

function nothing(): void {}

function leavesOut(stream: string, message: StoredMessage, worker: string): boolean {
  try {
    const { events } = readMessage(stream, message);
    return events.some((event) => event.type === "fence-lifted" && event.without?.includes(worker));
  } catch (error) {
    if (error instanceof OtherHistory) return false; // no record of ours
    throw error;
  }
}
