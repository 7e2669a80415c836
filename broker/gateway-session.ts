/**
 * One connection that was let in: what it may do now, what it listens to, what is sent down to it. Its role
 * follows the fleet and the dates of its certificate while it lives, and lowers at once.
 */
import type { Client } from "aedes";
import type { FleetLink } from "../fleet/link.js";
import type { Clock, Timer } from "../protocol/clock.js";
import { encodeFrame } from "../protocol/frame.js";
import { ErrorReply, RoleNotice } from "../protocol/notice.js";
import type { Topics } from "../protocol/topics.js";
import type { CertificateVerdict } from "../protocol/x509/verify.js";
import { admit, downTopic, maySubscribe, upTopic, type Admission, type Occupant } from "./admission.js";
import type { Ending, GatewayEvent, RefusalCode } from "./events.js";
import type { Arrival, ShownCertificate } from "./gateway-arrival.js";
import { MAX_UNSENT_BYTES } from "./gateway-stream.js";

/** What every part of one gateway shares. */
export interface GatewayContext {
  readonly link: FleetLink;
  readonly clock: Clock;
  readonly topics: Topics;
  readonly onEvent: (event: GatewayEvent) => void;
}

/** Nobody waits in the lobby: asking the time takes one round trip. */
export const LOBBY_LIFE_MS = 60_000;
/** Topic filters of one session. */
export const MAX_FILTERS = 16;
const LOOK_AT_DATES_MS = 3_600_000;
/** A peer that was told to go and does not is cut after this. */
const LEAVE_GRACE_MS = 3_000;

export class Session {
  readonly key: string;
  readonly clientId: string;
  /** Where it asks and is answered; undefined for a service. */
  readonly up: string | undefined;
  readonly down: string | undefined;
  readonly filters = new Set<string>();
  refusedFilters = 0;
  readonly #client: Client;
  #certificate: ShownCertificate;
  readonly #context: GatewayContext;
  readonly #timers = new Set<Timer>();
  #admission: Admission;
  #ending: Ending | undefined;

  constructor(client: Client, arrival: Arrival, context: GatewayContext) {
    this.key = arrival.key;
    this.clientId = arrival.clientId;
    this.#client = client;
    this.#certificate = arrival.certificate;
    this.#context = context;
    this.#admission = arrival.admission;
    this.up = upTopic(context.topics, this.occupant());
    this.down = downTopic(context.topics, this.occupant());
    if (this.#admission.role === "lobby") this.#after(LOBBY_LIFE_MS, () => this.end("lobby-life"));
    else this.#watchDates();
    context.onEvent({ type: "opened", resumed: arrival.resumed, ...this.#admission });
  }

  /** As it was last told. */
  get admission(): Admission {
    return this.#admission;
  }

  /** True from when it has to go: nothing that it sends counts any more. */
  get leaving(): boolean {
    return this.#ending !== undefined;
  }

  /** What it may do at this moment, by fleet and clock; the lobby is left only by a new connection. */
  occupant(): Occupant {
    return { ...this.#now(), clientId: this.clientId };
  }

  /** Makes the role follow what has changed, and tells the peer. A session that may do nothing any more ends. */
  refresh(): void {
    const next = this.#now();
    const { role, reason } = this.#admission;
    if (this.leaving || (next.role === role && next.reason === reason)) return;
    this.#admission = next;
    this.#context.onEvent({ type: "roleChanged", ...next });
    this.#dropFilters();
    const told = this.notify();
    if (next.role === "lobby" || next.reason === "revoked") void told.then(() => this.#dismiss());
  }

  /** The CAs that count have changed: what the same certificate is worth now. */
  reexamine(certificate: ShownCertificate): void {
    if (this.#admission.role === "lobby") return;
    this.#certificate = certificate;
    this.refresh();
  }

  /** Tells the peer its role and why. */
  async notify(): Promise<void> {
    const { role, reason } = this.#admission;
    const authority = this.#context.link.trust().authority.value.version;
    await this.sendDown(encodeFrame(RoleNotice, { role, reason, authority }));
  }

  /** Answers a request with an error that the gateway itself found. */
  async sendError(code: ErrorReply["code"], retryAfterSeconds?: number): Promise<void> {
    await this.sendDown(
      encodeFrame(ErrorReply, retryAfterSeconds === undefined ? { code } : { code, retryAfterSeconds }),
    );
  }

  /** To the peer alone, if it listens. Resolves when it is handed to the socket, or the socket is gone. */
  async sendDown(payload: Uint8Array): Promise<void> {
    if (this.down !== undefined) await this.send(this.down, payload);
  }

  /** The same on any topic. @param retain - the flag that a new subscriber sees on a retained message. */
  async send(topic: string, payload: Uint8Array, retain = false): Promise<void> {
    if (!this.filters.has(topic) || !this.reads()) return;
    const packet = { topic, payload: Buffer.from(payload), qos: 0 as const, dup: false, retain };
    // Straight to the client: aedes' emitter would make others wait for a slow one.
    await new Promise<void>((resolve) =>
      this.#client.publish({ cmd: "publish", ...packet }, () => resolve()),
    );
  }

  /** False when it does not take what is sent: then it is cut, or what waits for it would fill the memory. */
  reads(): boolean {
    if (this.#client.conn.writableLength <= MAX_UNSENT_BYTES) return true;
    if (this.leaving) return false;
    this.refused("slow-reader", `does not take what is sent: ${MAX_UNSENT_BYTES} bytes wait`);
    this.end("dismissed");
    return false;
  }

  /** Reports what the peer may not do. */
  refused(code: RefusalCode, why: string): void {
    const { number } = this.#admission;
    this.#context.onEvent({ type: "refused", code, why, ...(number === undefined ? {} : { number }) });
  }

  /** Cuts the connection. */
  end(why: Ending): void {
    this.#ending ??= why;
    this.#client.conn.destroy();
  }

  /** The connection is gone. */
  ended(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    const why = (this.#ending ??= "ended");
    this.#context.onEvent({ type: "closed", why, ...this.#admission });
  }

  #now(): Admission {
    if (this.#admission.role === "lobby") return this.#admission;
    const { number } = this.#admission;
    return admit(this.#shown(), number === undefined ? undefined : this.#context.link.standing(number));
  }

  /** The certificate as it stands now. It was current at the connect, so time can only end it. */
  #shown(): ShownCertificate {
    const shown = this.#certificate;
    if (typeof shown === "string" || shown.window !== "current") return shown;
    const over = this.#context.clock.nowMs() >= firstMsAfter(shown);
    return over ? { ...shown, window: "expired" } : shown;
  }

  /** Lowers the role in the very second in which the certificate runs out. IDevIDs never do. */
  #watchDates(): void {
    const shown = this.#shown();
    if (typeof shown === "string" || shown.profile === "idevid" || shown.window !== "current") return;
    const leftMs = firstMsAfter(shown) - this.#context.clock.nowMs();
    // Often enough: timers of one length are cheap, and those of months do not survive a clock that is set.
    this.#after(Math.min(leftMs, LOOK_AT_DATES_MS), () => {
      this.refresh();
      this.#watchDates();
    });
  }

  #dropFilters(): void {
    const occupant = this.occupant();
    const dropped = [...this.filters].filter(
      (filter) => filter !== this.down && !maySubscribe(this.#context.topics, occupant, filter),
    );
    for (const filter of dropped) this.filters.delete(filter);
    if (dropped.length === 0) return;
    this.#client.unsubscribe({ cmd: "unsubscribe", unsubscriptions: dropped }, () => undefined);
  }

  /** Ends the connection so that what was sent before still arrives. */
  #dismiss(): void {
    if (this.leaving) return;
    this.#ending = "dismissed";
    this.#client.conn.end();
    this.#after(LEAVE_GRACE_MS, () => this.#client.conn.destroy());
  }

  #after(delayMs: number, run: () => void): void {
    const timer = this.#context.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }
}

/** When the path runs out. Certificates hold through their last second (RFC 5280 §4.1.2.5). */
function firstMsAfter({ path }: CertificateVerdict): number {
  return (path.notAfterSeconds + 1) * 1000;
}
