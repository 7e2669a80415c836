/** A device that runs: the loop, the way to the fleet, and the application with its messages. */
import { ProtocolError } from "../protocol/errors.js";
import type { Level } from "../protocol/level.js";
import { type Action, isAllowed } from "./allowed.js";
import { Contact, type ContactEvents } from "./contact.js";
import { openCarried, openFleetMessage } from "./edge.js";
import { DeviceError } from "./errors.js";
import { type Freshness, freshnessOf } from "./freshness.js";
import { type Happening, Loop, type Outside } from "./loop.js";
import { maySpeak, type TlsIdentity, tlsIdentity } from "./machine.js";
import type { Device, DeviceEvent, DeviceOptions } from "./main.js";
import { assertPublishable } from "./messages.js";
import { Outbox } from "./outbox.js";
import { parcels } from "./parcels.js";
import { type PeerPapers, peerVerdict, type PeerVerdict } from "./peers.js";
import { TICKET_BYTES } from "./ticket.js";
import { contextOf, type DeviceState, judgeOf, levelInForce, standing } from "./state.js";

export class RunningDevice implements Device {
  readonly #options: DeviceOptions;
  readonly #loop: Loop;
  readonly #contact: Contact;
  readonly #outbox = new Outbox();
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  #speaking = false;

  /** @param attempts - connections in a row that ended without a sync before this boot. */
  constructor(options: DeviceOptions, state: DeviceState, attempts: number) {
    this.#options = options;
    const told = (event: Extract<DeviceEvent, Happening>) => {
      this.#emit(event);
      this.#loop.happen(event);
    };
    const outward: ContactEvents = {
      due: () => this.connect(),
      opened: (door) => told({ type: "connected", door }),
      serverRefused: (why) => told({ type: "server-refused", why }),
      received: (bytes) => this.#received(bytes, openFleetMessage),
      closed: () => {
        this.#speaking = false;
        told({ type: "disconnected" });
      },
      trouble: (count) => this.#loop.keepAttempts(count),
    };
    this.#contact = new Contact(options, outward, attempts);
    const outside: Outside = {
      send: (bytes) => this.#contact.send(bytes),
      leave: () => this.#contact.leave(),
      synced: () => this.#contact.synced(),
      emit: (event) => {
        if (event.type === "transferred") this.#outbox.drop(otherOwner());
        this.#emit(event);
      },
      speak: (allowed) => {
        this.#speaking = allowed;
        this.#emit({ type: "speak", allowed });
        this.#flush();
      },
      failed: (error) => {
        this.#stop();
        this.#emit({ type: "failed", error });
      },
    };
    this.#loop = new Loop(options, state, outside, attempts);
  }

  get number(): number {
    return this.#loop.state.record.number;
  }

  get level(): Level {
    return levelInForce(this.#loop.state, this.#options.clock.nowMs());
  }

  get standing(): Level {
    return standing(this.#loop.state);
  }

  get freshness(): Freshness {
    return freshnessOf(this.#loop.state, this.#options.clock.nowMs());
  }

  get tlsIdentity(): TlsIdentity {
    return tlsIdentity(this.#loop.state);
  }

  get lease(): Uint8Array | undefined {
    return this.#loop.state.record.lease;
  }

  may(action: Action): boolean {
    return isAllowed(this.level, action);
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#loop.stopped) throw stopped();
    assertPublishable(topic, payload);
    const taken = this.#outbox.add(topic, payload);
    this.#flush();
    await taken;
  }

  onEvent(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  receive(item: Uint8Array): void {
    this.#received(item, openCarried);
  }

  documents(): readonly Uint8Array[] {
    return parcels(this.#loop.state);
  }

  challenge(): Promise<Uint8Array> {
    return this.#wanted("challenge");
  }

  receipt(): Promise<Uint8Array> {
    return this.#wanted("receipt");
  }

  async reenroll(ticket: Uint8Array): Promise<void> {
    if (ticket.length !== TICKET_BYTES)
      throw new DeviceError("bad-ticket", `a ticket has ${TICKET_BYTES} bytes; ask an operator for one`);
    await this.#inTurn({ type: "ticket", ticket: ticket.slice() });
    if (this.#loop.stopped) throw stopped();
  }

  peerVerdict(peer: PeerPapers, action: string): PeerVerdict {
    const { clock, peerPolicy = {} } = this.#options;
    return peerVerdict(peer, action, judgeOf(this.#loop.state, peerPolicy, clock.nowMs()));
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#loop.ended();
  }

  /** Once. */
  begin(): void {
    this.#contact.begin();
  }

  connect(): void {
    this.#loop.inTurn(() => this.#contact.open(this.#loop.state));
  }

  #received(bytes: Uint8Array, open: typeof openFleetMessage): void {
    this.#loop.inTurn(async () => {
      try {
        const message = open(bytes, contextOf(this.#loop.state, this.#options.clock.nowMs()));
        for (const refusal of "refusals" in message ? message.refusals : []) this.#refused(refusal);
        await this.#loop.take({ type: "received", message });
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#refused(error);
      }
    });
  }

  #refused({ code, message: text }: ProtocolError): void {
    this.#emit({ type: "refused", code, text });
  }

  async #wanted(what: "challenge" | "receipt"): Promise<Uint8Array> {
    const signed = await this.#inTurn({ type: "wanted", what });
    if (!signed) throw stopped();
    return signed;
  }

  /** Resolves once all that follows is stored. @throws DeviceError "stopped" */
  #inTurn(happening: Happening): Promise<Uint8Array | undefined> {
    return new Promise((done, failed) => {
      this.#loop.inTurn(async () => {
        const handedOut = await this.#loop.take(happening).catch((error: unknown) => {
          failed(stopped());
          throw error;
        });
        done(handedOut);
      });
    });
  }

  #flush(): void {
    const may = () => this.#speaking && maySpeak(this.#loop.state, this.#options.clock.nowMs());
    const send = (topic: string, payload: Uint8Array) => this.#contact.publish(topic, payload);
    void this.#outbox.flush(may, send).then(() => {
      const messages = this.#outbox.size;
      if (messages !== this.#loop.state.heldBack) this.#loop.happen({ type: "held-back", messages });
    });
  }

  #stop(): void {
    this.#speaking = false;
    this.#loop.stop();
    this.#contact.stop();
    this.#outbox.drop(stopped());
  }

  #emit(event: DeviceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function otherOwner(): DeviceError {
  return new DeviceError("other-owner", "this message was for the fleet that owned the device before");
}

function stopped(): DeviceError {
  return new DeviceError("stopped", "this device was stopped");
}
