/**
 * The pure machine on a bench: a test puts in what happens, the machine's own questions for keys and
 * signatures are answered at once, as the driver answers them, and every step is kept.
 */
import { openFleetMessage } from "../../device/edge.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { boot, step } from "../../device/machine.js";
import type { Effect, Input } from "../../device/steps.js";
import type { DeviceRecord } from "../../device/record.js";
import { type Build, contextOf, type DeviceState } from "../../device/state.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { PublicKey, Signer } from "../../protocol/crypto.js";
import { encodeFrame } from "../../protocol/frame.js";
import { type RoleReason, RoleNotice, type SessionRole } from "../../protocol/notice.js";
import { entropy, type Owner, softSigner } from "./owner.js";
import { answerTo, type Question, readQuestion } from "./questions.js";

/** An input without what the bench adds: time and entropy. */
export type Happening = Input extends infer I
  ? I extends Input
    ? Omit<I, "atMs" | "entropy">
    : never
  : never;

export interface Taken {
  readonly before: DeviceState;
  readonly input: Input;
  readonly effects: readonly Effect[];
  readonly after: DeviceState;
}

export class Bench {
  readonly owner: Owner;
  readonly number: number;
  readonly build: Build;
  /** The key store; `made`: also what is no longer in it. */
  readonly keys = new Map<string, Signer>();
  readonly made: PublicKey[] = [];
  readonly steps: Taken[] = [];
  /** What was signed for someone who carries it, and what parts of replies were refused, in words. */
  readonly handedOut: Uint8Array[] = [];
  readonly refusals: string[] = [];
  /** What the disk holds. */
  disk: DeviceRecord;
  state: DeviceState;
  /** Powered time, milliseconds. */
  atMs = 0;

  constructor(owner: Owner, number = 1, build: Build = {}) {
    this.owner = owner;
    this.number = number;
    this.build = build;
    this.disk = owner.bear(number, this.#create(IDEVID_KEY).publicKey);
    this.state = boot(this.disk, nodeCrypto, this.atMs, this.build);
  }

  /** One happening, and all that follows from it before the next. @returns the effects, in order. */
  feed(happening: Happening): readonly Effect[] {
    const pending = [happening];
    const all: Effect[] = [];
    for (let next = pending.shift(); next; next = pending.shift()) {
      const input = { ...next, atMs: this.atMs, entropy: entropy(32) } as Input;
      const before = this.state;
      const { state, effects } = step(before, input);
      this.state = state;
      this.steps.push({ before, input, effects, after: state });
      for (const effect of effects) {
        all.push(effect);
        const answer = this.#carryOut(effect);
        if (answer) pending.push(answer);
      }
    }
    return all;
  }

  /** Bytes from the fleet, or from anyone. @throws ProtocolError */
  receive(bytes: Uint8Array): readonly Effect[] {
    const message = openFleetMessage(bytes, contextOf(this.state, this.atMs));
    if ("refusals" in message) this.refusals.push(...message.refusals.map((refusal) => refusal.message));
    return this.feed({ type: "received", message });
  }

  notice(role: SessionRole, reason: RoleReason = "ok", authority = 1): readonly Effect[] {
    return this.receive(encodeFrame(RoleNotice, { role, reason, authority }));
  }

  /** Time passes for device and fleet alike, and the machine looks at it. */
  pass(seconds: number): readonly Effect[] {
    this.atMs += seconds * 1000;
    this.owner.now += seconds;
    return this.feed({ type: "tick" });
  }

  /** Power off and on: nothing is left but the disk. What the boot is charged is stored, as the driver does. */
  reboot(): void {
    this.state = boot(this.disk, nodeCrypto, this.atMs, this.build);
    this.disk = this.state.record;
  }

  /** The device's last question, its signature checked. */
  asked(): Question {
    return this.question(-1);
  }

  /** The same for any that it has sent. @param at - negative: counted from the last one. */
  question(at: number): Question {
    const bytes = this.sent().at(at);
    if (!bytes) throw new Error("the device has not asked for anything");
    return this.read(bytes);
  }

  /** What this device signed with any of its keys. */
  read(bytes: Uint8Array): Question {
    return readQuestion(bytes, this.made, this.owner);
  }

  /** The fleet answers the question that waits, if any, and has nothing against the device. */
  answer(): readonly Effect[] {
    const reply = this.state.job && answerTo(this.asked(), this.owner);
    return reply ? this.receive(reply) : [];
  }

  sent(): readonly Uint8Array[] {
    return this.steps.flatMap(({ effects }) => effects.flatMap((e) => (e.type === "send" ? [e.bytes] : [])));
  }

  /** A new connection through the front door, in this role. */
  connect(role: SessionRole, authority = 1): readonly Effect[] {
    this.feed({ type: "disconnected" });
    this.feed({ type: "connected", door: "front" });
    return this.notice(role, "ok", authority);
  }

  /** Has learnt the time in the lobby, and left it. */
  timed(): this {
    this.feed({ type: "connected", door: "lobby" });
    this.answer(); // links
    this.answer();
    return this;
  }

  /** Has its LDevID, and is not connected with it yet. */
  enrolled(): this {
    this.timed().connect("pledge");
    this.answer();
    return this;
  }

  /** Connected with its LDevID, synced and speaking. */
  speaking(): this {
    this.enrolled().connect("device");
    this.answer();
    return this;
  }

  #carryOut(effect: Effect): Happening | undefined {
    switch (effect.type) {
      case "save":
        this.disk = effect.record;
        return undefined;
      case "save-session":
        this.disk = { ...this.disk, poweredSeconds: effect.session.poweredSeconds };
        return undefined;
      case "create-key": {
        const { publicKey } = this.keys.get(effect.name) ?? this.#create(effect.name);
        return { type: "key-created", publicKey };
      }
      case "remove-key":
        this.keys.delete(effect.name);
        return undefined;
      case "sign":
        return { type: "signed", signature: this.#signer(effect.key).sign(effect.bytes) };
      case "hand-out": {
        const { key, toBeSigned, finish } = effect.unsigned;
        this.handedOut.push(finish(this.#signer(key).sign(toBeSigned)));
        return undefined;
      }
      default:
        return undefined;
    }
  }

  #signer(name: string): Signer {
    const key = this.keys.get(name);
    if (!key) throw new Error(`the machine signs with a key that is not there: ${name}`);
    return key;
  }

  #create(name: string): Signer {
    const signer = softSigner();
    this.keys.set(name, signer);
    this.made.push(signer.publicKey);
    return signer;
  }
}
