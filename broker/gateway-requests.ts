/**
 * What one session asks, one request after the other: checked against its role, handed to the fleet, and
 * answered on `down`. The packet is acknowledged only after that, so a PUBACK follows the durable decision.
 */
import type { FleetLink } from "../fleet/link.js";
import { AuthorityRequest } from "../protocol/authority-links.js";
import { looksSigned, parseEnvelope } from "../protocol/cose.js";
import { ProtocolError } from "../protocol/errors.js";
import { frameType } from "../protocol/frame.js";
import { LedgerRequest } from "../protocol/ledger-part.js";
import type { Entropy } from "../protocol/crypto.js";
import { frameAllowed, messageAllowed } from "./admission.js";
import type { Answers } from "./answers.js";
import type { GatewayContext, Session } from "./gateway-session.js";
import { type Overload, spreadSeconds } from "./overload.js";

/** Requests of one session that wait while another is answered. */
export const MAX_WAITING_REQUESTS = 8;
/** Requests of one lobby session; then it is cut. */
export const MAX_LOBBY_REQUESTS = 10;
const BUSY_RETRY_SECONDS = 1;
const UNREACHABLE_RETRY_SECONDS = 10;

/** What the requests of all sessions share. */
export interface RequestContext extends Pick<GatewayContext, "link" | "clock"> {
  readonly entropy: Entropy;
  readonly answers: Answers;
  readonly overload: Overload;
}

export class Requests {
  readonly #session: Session;
  readonly #context: RequestContext;
  readonly #link: FleetLink;
  #unanswered = 0;
  #lobbyRequests = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(session: Session, context: RequestContext) {
    this.#session = session;
    this.#context = context;
    this.#link = context.link;
  }

  /** Resolves when the answer is sent. Never rejects: what goes wrong is an answer too. */
  async ask(message: Uint8Array): Promise<void> {
    if (this.#unanswered > MAX_WAITING_REQUESTS) {
      this.#session.refused("busy", `more than ${MAX_WAITING_REQUESTS} requests wait`);
      return this.#session.sendError("retry-later", BUSY_RETRY_SECONDS);
    }
    this.#unanswered += 1;
    const answered = this.#last.then(() => this.#answer(message));
    this.#last = answered.finally(() => (this.#unanswered -= 1));
    return answered;
  }

  async #answer(message: Uint8Array): Promise<void> {
    if (this.#session.leaving) return;
    // Roles change while a request waits: what counts is the role when it is answered.
    const occupant = this.#session.occupant();
    const { role, reason, number } = occupant;
    if (role === "lobby") {
      this.#lobbyRequests += 1;
      if (this.#lobbyRequests > MAX_LOBBY_REQUESTS) {
        this.#session.refused("lobby-requests", `more than ${MAX_LOBBY_REQUESTS} requests in the lobby`);
        return this.#session.end("dismissed");
      }
    }
    const signed = looksSigned(message);
    const type = typeOf(() => (signed ? parseEnvelope(message).type : frameType(message)));
    if (type === undefined) return this.#refuse("malformed");
    const allowed = signed ? messageAllowed(occupant, type) : frameAllowed(occupant, type);
    if (!allowed) return this.#refuse(reason === "revoked" ? "revoked" : "not-allowed");
    if (number === undefined) return this.#reply(() => this.#answerFrame(type, message));
    const pauseSeconds = this.#context.overload.pauseSeconds(number, signed, this.#context.clock.nowMs());
    if (pauseSeconds > 0) {
      this.#session.refused("request-rate", "asks more often than a device has a reason to");
      return this.#session.sendError("retry-later", pauseSeconds);
    }
    if (!signed) return this.#reply(() => this.#answerFrame(type, message));
    return this.#decide(role === "held", () => this.#link.handle(number, message));
  }

  /** A request that the fleet decides on. When too many wait there, devices that are not held come later. */
  async #decide(held: boolean, ask: () => Promise<readonly Uint8Array[]>): Promise<void> {
    const { overload, entropy } = this.#context;
    if (!overload.enter(held)) {
      this.#session.refused("overloaded", "too many requests wait for the fleet");
      return this.#session.sendError("retry-later", spreadSeconds(entropy(4)));
    }
    try {
      await this.#reply(ask);
    } finally {
      overload.leave();
    }
  }

  async #answerFrame(type: number, frame: Uint8Array): Promise<readonly Uint8Array[]> {
    const { answers } = this.#context;
    if (type === AuthorityRequest.type)
      return answers.to(frame, async () => [await this.#link.authorities(frame)]);
    if (type === LedgerRequest.type) return answers.to(frame, () => this.#link.ledger(frame));
    return [await this.#link.time(frame)];
  }

  async #reply(ask: () => Promise<readonly Uint8Array[]>): Promise<void> {
    let replies: readonly Uint8Array[];
    try {
      replies = await ask();
    } catch (error) {
      if (error instanceof ProtocolError) return this.#refuse("malformed");
      this.#session.refused("fleet-unreachable", `the fleet did not take a request: ${String(error)}`);
      return this.#session.sendError("fleet-unreachable", UNREACHABLE_RETRY_SECONDS);
    }
    await Promise.all(replies.map((reply) => this.#session.sendDown(reply)));
  }

  async #refuse(code: "malformed" | "not-allowed" | "revoked"): Promise<void> {
    this.#session.refused("message", `answered with the error ${code}`);
    return this.#session.sendError(code);
  }
}

/** The message type, about which nothing is trusted yet; undefined when the bytes cannot be read. */
function typeOf(read: () => number): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
