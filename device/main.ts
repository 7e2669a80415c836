/**
 * A device: the pure machine, its ports, and the only loop. Inputs are taken one at a time and their
 * effects carried out in order, so that a save is on disk before the message that follows from it.
 */
import type { Clock, Timer } from "../protocol/clock.js";
import type { Algorithm, Crypto, Entropy } from "../protocol/crypto.js";
import { ProtocolError, type ProtocolErrorCode } from "../protocol/errors.js";
import { toHex } from "../protocol/bytes.js";
import type { Level } from "../protocol/level.js";
import { certificatesToPem } from "../protocol/x509/pem.js";
import { verifyChain } from "../protocol/x509/verify.js";
import { type Backoff, DEFAULT_BACKOFF, retryDelayMs } from "./backoff.js";
import { openFleetMessage } from "./edge.js";
import { DeviceError } from "./errors.js";
import { boot, maySpeak, step, type TlsIdentity, tlsIdentity } from "./machine.js";
import type { Effect, Input } from "./steps.js";
import { Outbox } from "./outbox.js";
import type { Connection, DeviceStore, Door, KeyStore, Transport } from "./ports.js";
import { type DeviceState, levelInForce, nowSeconds, standing } from "./state.js";

export interface DeviceOptions {
  readonly store: DeviceStore;
  readonly keys: KeyStore;
  readonly transport: Transport;
  /** Powered time: `nowMs` only counts, and need not be a date. */
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly algorithm?: Algorithm;
  readonly backoff?: Backoff;
}

export type DeviceEvent =
  | { readonly type: "level"; readonly level: Level; readonly before: Level }
  | { readonly type: "connected"; readonly door: Door["name"] }
  | { readonly type: "disconnected" }
  /** Fresh contact: a lease was accepted and stored. `goodUntil`: fleet time, Unix seconds. */
  | { readonly type: "leased"; readonly goodUntil: number }
  /** May application messages be sent? */
  | { readonly type: "speak"; readonly allowed: boolean }
  /** Bytes that did not prove themselves; nothing of them was used. */
  | { readonly type: "refused"; readonly code: ProtocolErrorCode; readonly text: string }
  | { readonly type: "server-refused"; readonly why: "dates" | "chain" }
  /** The device stopped: its storage failed, and it must not speak of what it cannot keep. */
  | { readonly type: "failed"; readonly error: Error };

/** A device that was born. Starts at once; `close` stops it. */
export interface Device {
  readonly number: number;
  /** The level in force: the higher of standing and freshness. */
  readonly level: Level;
  /** What the fleet's documents and the device's own alarms say, time left aside. */
  readonly standing: Level;
  /** What it logs in with: DER, leaf first, and the name of the key in its `KeyStore`. */
  readonly tlsIdentity: TlsIdentity;
  /**
   * Sends an application message below the device's own topic, as soon as the device may speak.
   * Resolves once a gateway has taken it. @param topic - 1 to 8 levels, at most 240 characters.
   * @param payload - at most 65,536 bytes. @throws DeviceError "outbox-full", "stopped", "bad-name", "too-large"
   */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** @returns a call that ends it. */
  onEvent(listener: (event: DeviceEvent) => void): () => void;
  /** A document that came another way than by the gateway: a peer, a stick. Same bytes, same checks. */
  receive(document: Uint8Array): void;
  close(): Promise<void>;
}

/** Starts a device from its store. @throws DeviceError "not-born", "storage-damaged", "storage-failed" */
export async function createDevice(options: DeviceOptions): Promise<Device> {
  const record = await options.store.load();
  if (!record)
    throw new DeviceError("not-born", "this store holds no identity: give the device a birth first");
  const state = boot(record, options.crypto, options.clock.nowMs());
  await options.store.save(state.record); // the time that a boot is charged, or power cycling would stop time
  const device = new RunningDevice(options, state);
  device.connect();
  return device;
}

const TOPIC = /^[A-Za-z0-9_-]{1,64}(\/[A-Za-z0-9_-]{1,64}){0,7}$/;
/** Gateways cut who goes beyond: 256 bytes of topic with `app/<number>/` before it, 70,000 of packet. */
const MAX_TOPIC_CHARACTERS = 240;
const MAX_PAYLOAD_BYTES = 65_536;

type Happening = Input extends infer I ? (I extends Input ? Omit<I, "atMs" | "entropy"> : never) : never;

class RunningDevice implements Device {
  readonly #options: DeviceOptions;
  readonly #outbox = new Outbox();
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  #state: DeviceState;
  #speaking = false;
  #connection: Connection | undefined;
  #attempt = 0;
  #retry: Timer | undefined;
  #wake: Timer | undefined;
  #queue: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: DeviceOptions, state: DeviceState) {
    this.#options = options;
    this.#state = state;
  }

  get number(): number {
    return this.#state.record.number;
  }

  get level(): Level {
    return levelInForce(this.#state, this.#options.clock.nowMs());
  }

  get standing(): Level {
    return standing(this.#state);
  }

  get tlsIdentity(): TlsIdentity {
    return tlsIdentity(this.#state);
  }

  async publish(topic: string, payload: Uint8Array): Promise<void> {
    if (this.#stopped) throw new DeviceError("stopped", "this device was stopped");
    if (!TOPIC.test(topic) || topic.length > MAX_TOPIC_CHARACTERS) {
      throw new DeviceError("bad-name", "a topic has 1 to 8 levels of letters, digits, - and _, joined by /");
    }
    if (payload.length > MAX_PAYLOAD_BYTES) {
      throw new DeviceError(
        "too-large",
        `a message has at most ${MAX_PAYLOAD_BYTES} bytes; send it in parts`,
      );
    }
    const taken = this.#outbox.add(topic, payload);
    this.#flush();
    await taken;
  }

  onEvent(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  receive(document: Uint8Array): void {
    this.#received(document);
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#queue;
  }

  /** One attempt; what follows is decided when it ends. */
  connect(): void {
    this.#happenAsync(async () => {
      if (this.#stopped || this.#connection) return;
      const door = await this.#door();
      this.#connection = this.#options.transport.connect(this.#state.record.fleetId, door, {
        opened: () => {
          this.#emit({ type: "connected", door: door.name });
          this.#happen({ type: "connected", door: door.name });
        },
        serverRefused: (why) => {
          this.#emit({ type: "server-refused", why });
          this.#happen({ type: "server-refused", why });
        },
        received: (bytes) => this.#received(bytes),
        closed: () => this.#closed(),
      });
    });
  }

  async #door(): Promise<Door> {
    const { keys, entropy } = this.#options;
    if (this.#state.needsTime) return { name: "lobby", clientId: `lobby-${toHex(entropy(8))}` };
    const { chain, key } = tlsIdentity(this.#state);
    const verify = (server: readonly Uint8Array[]) => this.#judgeServer(server);
    const certificates = certificatesToPem(...chain);
    return { name: "front", number: this.number, certificates, key: await keys.tlsKey(key), verify };
  }

  #judgeServer(chain: readonly Uint8Array[]): "trusted" | "dates" | "chain" {
    const { crypto, clock } = this.#options;
    const { certificates } = this.#state.held.trust;
    try {
      const { profile, window } = verifyChain(
        chain,
        certificates,
        nowSeconds(this.#state, clock.nowMs()),
        crypto,
      );
      if (profile !== "gateway") return "chain";
      return window === "current" ? "trusted" : "dates";
    } catch (error) {
      if (error instanceof ProtocolError) return "chain";
      throw error;
    }
  }

  #received(bytes: Uint8Array): void {
    this.#happenAsync(async () => {
      const { crypto, clock } = this.#options;
      const context = {
        trust: this.#state.held.trust,
        crypto,
        nowSeconds: nowSeconds(this.#state, clock.nowMs()),
      };
      try {
        await this.#take({ type: "received", message: openFleetMessage(bytes, context) });
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#emit({ type: "refused", code: error.code, text: error.message });
      }
    });
  }

  #closed(): void {
    if (!this.#connection) return;
    this.#connection = undefined;
    this.#speaking = false;
    this.#emit({ type: "disconnected" });
    this.#happen({ type: "disconnected" });
    if (this.#stopped) return;
    const { backoff = DEFAULT_BACKOFF, clock, entropy } = this.#options;
    this.#retry?.cancel();
    this.#retry = clock.after(retryDelayMs(backoff, this.#attempt++, entropy(4)), () => this.connect());
  }

  #happen(happening: Happening): void {
    this.#happenAsync(() => this.#take(happening));
  }

  /** In turn; a failure of our own storage stops the device. */
  #happenAsync(run: () => Promise<void>): void {
    this.#queue = this.#queue.then(run).catch((error: unknown) => {
      if (this.#stopped) return;
      this.#stop();
      this.#emit({ type: "failed", error: error instanceof Error ? error : new Error(String(error)) });
    });
  }

  async #take(happening: Happening): Promise<void> {
    const { clock, entropy } = this.#options;
    const pending = [happening];
    for (let next = pending.shift(); next && !this.#stopped; next = pending.shift()) {
      const input = { ...next, atMs: clock.nowMs(), entropy: entropy(32) } as Input;
      const { lease } = this.#state.held;
      const { state, effects } = step(this.#state, input);
      this.#state = state;
      if (state.session?.synced) this.#attempt = 0;
      for (const effect of effects) {
        const answer = await this.#carryOut(effect);
        if (answer) pending.push(answer);
      }
      const leased = state.held.lease;
      if (leased && leased !== lease) this.#emit({ type: "leased", goodUntil: leased.value.goodUntil });
    }
  }

  /** @returns what the machine waits for, when the effect has an answer. */
  async #carryOut(effect: Effect): Promise<Happening | undefined> {
    const { store, keys, clock, algorithm = "ES256" } = this.#options;
    switch (effect.type) {
      case "save":
        await store.save(effect.record);
        return undefined;
      case "create-key": {
        const publicKey = (await keys.publicKey(effect.name)) ?? (await keys.create(effect.name, algorithm));
        return { type: "key-created", publicKey };
      }
      case "remove-key":
        await keys.remove(effect.name);
        return undefined;
      case "sign":
        return { type: "signed", signature: await keys.sign(effect.key, effect.bytes) };
      case "send":
        // Not waited for: the answer may come before the acknowledgement, and a lost one is asked for again.
        this.#connection?.send(effect.bytes).catch(() => undefined);
        return undefined;
      case "reconnect":
        this.#reconnect();
        return undefined;
      case "level":
        this.#emit(effect);
        return undefined;
      case "speak":
        this.#speaking = effect.allowed;
        this.#emit(effect);
        this.#flush();
        return undefined;
      case "wake":
        this.#wake?.cancel();
        this.#wake = clock.after(effect.atMs - clock.nowMs(), () => this.#happen({ type: "tick" }));
        return undefined;
    }
  }

  #reconnect(): void {
    this.#connection?.close();
    this.#retry?.cancel();
    this.connect();
  }

  #flush(): void {
    const may = () => this.#speaking && maySpeak(this.#state, this.#options.clock.nowMs());
    const send = async (topic: string, payload: Uint8Array) => {
      if (!this.#connection) throw new DeviceError("stopped", "the connection went");
      await this.#connection.publish(topic, payload);
    };
    void this.#outbox.flush(may, send).then(() => {
      const messages = this.#outbox.size;
      if (messages !== this.#state.heldBack) this.#happen({ type: "held-back", messages });
    });
  }

  #stop(): void {
    this.#stopped = true;
    this.#speaking = false;
    this.#wake?.cancel();
    this.#retry?.cancel();
    this.#connection?.close();
    this.#outbox.stop();
  }

  #emit(event: DeviceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
