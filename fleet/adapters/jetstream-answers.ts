/** What JetStream answers, and asking until it does. */
import { NatsError } from "nats";
import type { Clock } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";

/** How long one request may take. */
export const REQUEST_MS = 2_000;
/** Between one attempt and the next. */
export const PAUSE_MS = 250;
/** How long one asks: a cluster chooses a new leader within it. */
const ASKING_MS = 20_000;

/** `err_code`s of the JetStream API. */
const STREAM_MISSING = 10_059;
const STREAM_THERE = 10_058;
const MESSAGE_MISSING = 10_037;
const WRONG_LAST_SEQUENCE = 10_071;
const NO_REPLICAS_HERE = 10_074;

export function isStreamMissing(error: unknown): boolean {
  return apiError(error)?.err_code === STREAM_MISSING;
}

/** There is one of this name with other settings, or another description. */
export function isStreamThere(error: unknown): boolean {
  return apiError(error)?.err_code === STREAM_THERE;
}

export function isMessageMissing(error: unknown): boolean {
  return apiError(error)?.err_code === MESSAGE_MISSING;
}

/** @returns the sequence number at which the subject, or the stream, ends (0: it has no message), if that is why it was refused. */
export function endInstead(error: unknown): number | undefined {
  const refused = apiError(error);
  if (refused?.err_code !== WRONG_LAST_SEQUENCE) return undefined;
  const end = /\d+$/.exec(refused.description)?.[0];
  return end === undefined ? undefined : Number(end);
}

/**
 * Asks again while nobody answers, or the cluster has no leader.
 * @throws FleetError "bad-request" when the answer is no, "unreachable" when there is none in time.
 */
export async function untilAnswered<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  const limitMs = clock.nowMs() + ASKING_MS;
  for (;;) {
    try {
      return await ask();
    } catch (cause) {
      if (!(cause instanceof NatsError)) throw cause;
      const refused = apiError(cause);
      const words = refused?.description ?? cause.message;
      if (refused && (refused.code < 500 || refused.err_code === NO_REPLICAS_HERE)) {
        const todo = refused.err_code === NO_REPLICAS_HERE ? "; with one server: --replicas 1" : "";
        throw new FleetError("bad-request", `JetStream refuses the stream: ${words}${todo}`, { cause });
      }
      if (clock.nowMs() >= limitMs) throw unreachable(words, cause);
      await pause(clock, PAUSE_MS);
    }
  }
}

export function unreachable(words: string, cause?: unknown): FleetError {
  return new FleetError("unreachable", `JetStream does not answer (${words}); check the NATS servers`, {
    cause,
  });
}

export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}

function apiError(error: unknown): NatsError["api_error"] | undefined {
  return error instanceof NatsError ? error.api_error : undefined;
}
