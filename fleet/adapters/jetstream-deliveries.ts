/** What one JetStream consumer delivers: in order, none missing, and no faster than it is taken. */
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  type Msg,
  nanos,
  type NatsConnection,
  ReplayPolicy,
  type Subscription,
} from "nats";
import type { Position } from "../ports.js";
import type { StoredMessage } from "./jetstream-message.js";

/** The server says that often that it is there. */
const HEARTBEAT_MS = 500;
/** The server forgets a consumer that nobody hears. */
const FORGOTTEN_MS = 5_000;

/** Control messages of JetStream to a subscriber. */
const CONTROL = 100;
const STALLED = "Nats-Consumer-Stalled";
const LAST_DELIVERY = "Nats-Last-Consumer";
const SHORT_REPLY_TOKENS = 9;

/** Of a consumer of everything after `position`, on one server, in its memory. @param inbox - where it delivers. */
export function consumerAfter(position: Position, inbox: string): Partial<ConsumerConfig> {
  return {
    deliver_subject: inbox,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: position + 1,
    replay_policy: ReplayPolicy.Instant,
    ack_policy: AckPolicy.None,
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: nanos(HEARTBEAT_MS),
    inactive_threshold: nanos(FORGOTTEN_MS),
    mem_storage: true,
    num_replicas: 1,
  };
}

/**
 * Ends when a delivery is missing, or with the subscription; then the consumer is of no more use.
 * @param heard - called for whatever the server sends.
 * @param keptUp - resolves when everything that was delivered is dealt with: the server waits for it.
 */
export async function* deliveries(
  nats: NatsConnection,
  subscription: Subscription,
  heard: () => void,
  keptUp: () => Promise<void>,
): AsyncIterable<StoredMessage> {
  let delivered = 0;
  for await (const message of subscription) {
    heard();
    const { subject, data: payload, headers } = message;
    if (headers?.code === CONTROL) {
      if (Number(headers.get(LAST_DELIVERY) || delivered) !== delivered) return;
      const stalled = headers.get(STALLED);
      if (!message.reply && !stalled) continue;
      await keptUp();
      if (message.reply) message.respond();
      else nats.publish(stalled);
      continue;
    }
    const place = placeOf(message);
    if (!place) continue; // somebody else's, who has learned of this inbox
    if (place.delivery !== delivered + 1) return;
    delivered += 1;
    yield { sequence: place.sequence, subject, payload, headers };
  }
}

/**
 * Which delivery a message is, and its place in the stream; undefined: none. As servers write it:
 * `$JS.ACK.<stream>.<consumer>.<times>.<sequence>.<delivery>.<time>.<pending>`, some with two tokens more before the stream.
 */
function placeOf({ reply }: Msg): { delivery: number; sequence: number } | undefined {
  const tokens = reply?.split(".") ?? [];
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK") return undefined;
  const at = tokens.length > SHORT_REPLY_TOKENS ? 7 : 5;
  return { sequence: Number(tokens[at]), delivery: Number(tokens[at + 1]) };
}
