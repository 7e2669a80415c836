/**
 * The shipped device machine beside a fleet in the same process: every message that goes up and down is kept,
 * and so is the state after each step, for messages to be tried on.
 */
import { contextOf, type DeviceState } from "../../../device/state.js";
import { openFleetMessage } from "../../../device/edge.js";
import { boot, step } from "../../../device/machine.js";
import { IDEVID_KEY } from "../../../device/jobs.js";
import type { DeviceRecord } from "../../../device/record.js";
import type { Effect, Input } from "../../../device/steps.js";
import { AuthorityRequest } from "../../../protocol/authority-links.js";
import { looksSigned } from "../../../protocol/cose.js";
import type { Entropy, Signer } from "../../../protocol/crypto.js";
import { encodeFrame, frameType } from "../../../protocol/frame.js";
import { LedgerRequest } from "../../../protocol/ledger-part.js";
import { RoleNotice, type SessionRole } from "../../../protocol/notice.js";
import type { FleetLink } from "../../../fleet/link.js";
import { type KeyRing, repeatable } from "./keys.js";

type Happening = Input extends infer I ? (I extends Input ? Omit<I, "atMs" | "entropy"> : never) : never;

export class Sailor {
  state: DeviceState;
  readonly number: number;
  /** What it sent, and what it was sent. */
  readonly up: Uint8Array[] = [];
  readonly down: Uint8Array[] = [];
  /** As it was while it waited for each of its answers. */
  readonly waiting: DeviceState[] = [];
  readonly #link: FleetLink;
  readonly #ring: KeyRing;
  readonly #keys = new Map<string, Signer>();
  readonly #entropy: Entropy;
  #unsent: Uint8Array[] = [];

  constructor(record: DeviceRecord, idevid: Signer, link: FleetLink, ring: KeyRing, entropy: Entropy) {
    this.number = record.number;
    this.#link = link;
    this.#ring = ring;
    this.#keys.set(IDEVID_KEY, idevid);
    this.#entropy = entropy;
    this.state = boot(record, repeatable, 0);
  }

  /** A new connection by this door, and all that is asked and answered over it. */
  async connect(door: "front" | "lobby", role: SessionRole): Promise<void> {
    this.#feed({ type: "disconnected" });
    this.#feed({ type: "connected", door });
    const authority = this.#link.trust().authority.value.version;
    if (door === "front") this.hear(encodeFrame(RoleNotice, { role, reason: "ok", authority }));
    await this.#converse();
  }

  /** Bytes from the fleet. @throws ProtocolError */
  hear(bytes: Uint8Array): void {
    this.down.push(bytes);
    this.#feed({ type: "received", message: openFleetMessage(bytes, contextOf(this.state, 0)) });
  }

  /** What the application wants carried by hand. */
  want(what: "challenge" | "receipt"): void {
    this.#feed({ type: "wanted", what });
  }

  /** Asks, and hears the answer, until it has no more to ask. */
  async #converse(): Promise<void> {
    for (let next = this.#unsent.shift(); next; next = this.#unsent.shift()) {
      this.waiting.push(this.state);
      for (const reply of await this.#ask(next)) this.hear(reply);
    }
  }

  async #ask(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    if (looksSigned(bytes)) return this.#link.handle(this.number, bytes);
    const type = frameType(bytes);
    if (type === AuthorityRequest.type) return [await this.#link.authorities(bytes)];
    return type === LedgerRequest.type ? this.#link.ledger(bytes) : [await this.#link.time(bytes)];
  }

  #feed(happening: Happening): void {
    const pending = [happening];
    for (let next = pending.shift(); next; next = pending.shift()) {
      const { state, effects } = step(this.state, { ...next, atMs: 0, entropy: this.#entropy(32) } as Input);
      this.state = state;
      for (const effect of effects) pending.push(...this.#carryOut(effect));
    }
  }

  #carryOut(effect: Effect): readonly Happening[] {
    switch (effect.type) {
      case "create-key":
        return [{ type: "key-created", publicKey: this.#key(effect.name).publicKey }];
      case "sign":
        return [{ type: "signed", signature: this.#key(effect.key).sign(effect.bytes) }];
      case "send":
        this.up.push(effect.bytes);
        this.#unsent.push(effect.bytes);
        return [];
      case "hand-out": {
        const { key, toBeSigned, finish } = effect.unsigned;
        this.up.push(finish(this.#key(key).sign(toBeSigned)));
        return [];
      }
      default:
        return [];
    }
  }

  #key(name: string): Signer {
    const key = this.#keys.get(name) ?? this.#ring.signer(`device ${this.number} ${name}`);
    this.#keys.set(name, key);
    return key;
  }
}
