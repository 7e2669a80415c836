/**
 * The fleet service of the world: the shipped `FleetService` with its front door and station, over a log that
 * outlives it, a clock of its own, and keys from the seed. It can end at any append, and start again.
 */
import type { Act, FleetEvent } from "../../fleet/events.js";
import {
  FLEET_KEY_NAMES,
  type FleetKeyName,
  type FleetKeys,
  type KeyChange,
  type SomeKeys,
} from "../../fleet/fleet-keys.js";
import { frontDoor } from "../../fleet/front-door.js";
import type { FleetLink } from "../../fleet/link.js";
import { DEFAULT_POLICY, type FleetPolicy } from "../../fleet/policy.js";
import type { Position } from "../../fleet/ports.js";
import { stateOf } from "../../fleet/recovery/closed-log.js";
import { beginNewTerms, linkWithNewTerms } from "../../fleet/recovery/new-terms.js";
import type { Refusal } from "../../fleet/refusal.js";
import { FleetService } from "../../fleet/service.js";
import { embeddedStation } from "../../fleet/station/embedded.js";
import type { Station } from "../../fleet/station/station.js";
import type { FleetView } from "../../fleet/view.js";
import { toHex } from "../../protocol/bytes.js";
import type { Algorithm, Crypto, Entropy, Signer } from "../../protocol/crypto.js";
import type { Level } from "../../protocol/level.js";
import { NodeClock, type Span, type Ticking } from "./clocks.js";
import { EventDisk } from "./event-disk.js";
import type { Luck } from "./random.js";
import type { Schedule } from "./schedule.js";

const TOKEN_SECRET_BYTES = 32;

export interface FleetParts {
  readonly name: string;
  readonly schedule: Schedule;
  readonly luck: Luck;
  readonly crypto: Crypto;
  readonly algorithm: Algorithm;
  readonly policy?: Partial<FleetPolicy>;
  readonly ticking?: Ticking;
  /** How long an append takes: least and most. */
  readonly appendMs: Span;
  readonly onEvent: (event: FleetEvent, position: Position) => void;
  readonly onRuns: (runs: boolean) => void;
}

/** What the fleet answered to a message that came over the session of device `number`. */
export interface Answered {
  readonly number: number;
  readonly message: Uint8Array;
  readonly answers: readonly Uint8Array[];
}

/** One run of the process. */
interface Running {
  readonly service: FleetService;
  readonly door: FleetLink;
  readonly station: Station;
  readonly clock: NodeClock;
}

export class FleetNode {
  readonly name: string;
  readonly log: EventDisk;
  /** In use, by what the newest Authority names. */
  keys: FleetKeys;
  readonly #parts: FleetParts;
  readonly #entropy: Entropy;
  readonly #tokenSecret: Uint8Array;
  /** How its wall clock goes; counts from the next start. */
  ticking: Ticking;
  /** Keys that wait for an Authority that names them. */
  #staged: SomeKeys = {};
  #running: Running | undefined;
  #id: string | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(parts: FleetParts) {
    const { luck, crypto, algorithm } = parts;
    this.name = parts.name;
    this.#parts = parts;
    this.#entropy = (size) => luck.bytes(size);
    this.ticking = parts.ticking ?? {};
    this.log = new EventDisk(luck);
    const keys = FLEET_KEY_NAMES.map((name) => [name, signer(crypto, algorithm, this.#entropy)]);
    this.keys = Object.fromEntries(keys) as FleetKeys;
    this.#tokenSecret = luck.bytes(TOKEN_SECRET_BYTES);
  }

  /** 32 hex digits. @throws Error before its first start. */
  get id(): string {
    if (this.#id === undefined) throw new Error("this fleet was not founded yet");
    return this.#id;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** @throws Error while it does not run. */
  get service(): FleetService {
    return this.#here().service;
  }

  get view(): FleetView {
    return this.service.view;
  }

  get station(): Station {
    return this.#here().station;
  }

  /** As a gateway in its process has it. */
  get door(): FleetLink {
    return this.#here().door;
  }

  get clock(): NodeClock {
    return this.#here().clock;
  }

  /** Makes a key that waits for an Authority that names it. */
  stageKey(name: FleetKeyName): Signer {
    const { crypto, algorithm } = this.#parts;
    const key = signer(crypto, algorithm, this.#entropy);
    this.#staged = { ...this.#staged, [name]: key };
    return key;
  }

  /** Opens the service on what is in the log; the first time, this founds the fleet. */
  async start(): Promise<void> {
    const { schedule, crypto, name, policy, appendMs, luck } = this.#parts;
    const clock = new NodeClock(schedule, name, this.ticking);
    const appendTakes = () => clock.wait(appendMs, luck);
    const log = this.log.open({ appendTakes, killed: () => this.kill() });
    const service = await FleetService.open({
      log,
      keys: this.keys,
      staged: { read: async () => this.#staged, settle: async (change) => this.#settle(change) },
      tokenSecret: this.#tokenSecret,
      crypto,
      entropy: this.#entropy,
      clock,
      policy: { ...DEFAULT_POLICY, ...policy },
      name,
    });
    service.onEvent((event, position) => this.#parts.onEvent(event, position));
    const door = frontDoor(service);
    const station = await embeddedStation(service);
    this.#running = { service, door, station, clock };
    this.#id = toHex(service.trust.fleetId);
    this.#tell(true);
  }

  /** The process ends here and now; what is durable stays. */
  kill(): void {
    this.log.close();
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.clock.stop();
    this.#tell(false);
  }

  /** Its people stop it, begin new terms above what its log has lost, and start it again. */
  async recover(reason: string): Promise<void> {
    this.kill();
    const { crypto, schedule } = this.#parts;
    const log = this.log.open({ appendTakes: () => Promise.resolve(), killed: () => undefined });
    const state = await stateOf(log, crypto);
    const newest = state.folded.chain.at(-1);
    if (!newest) throw new Error("this fleet was not founded yet");
    const now = Math.floor(schedule.nowMs / 1000);
    const link = linkWithNewTerms(newest, this.keys.root, { crypto, entropy: this.#entropy, now });
    const keys = { current: this.keys, staged: this.#staged };
    await beginNewTerms(log, state, link, keys, { actor: "operator", reason, now }, { crypto });
    this.log.close();
    await this.start();
  }

  /** What an operator wants, with the second person that some acts take. @returns why not, if so. */
  async act(act: Act): Promise<Refusal | undefined> {
    const { service } = this;
    const { id, refusal } = await service.act(act, "operator");
    const pending = service.view.acts.get(id);
    if (refusal || pending?.expiresAt === undefined) return refusal;
    return (await service.approve(id, service.actDigest(pending.act), "approver")).refusal;
  }

  hold(numbers: readonly number[], level: Level, reason = "reported stolen"): Promise<Refusal | undefined> {
    return this.act({ kind: "hold", numbers, level, reason });
  }

  release(numbers: readonly number[], level: Level = "none", reason = "found"): Promise<Refusal | undefined> {
    return this.act({ kind: "release", numbers, level, reason });
  }

  /** Called when its process runs, or has ended. @returns a call that ends it. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  #tell(runs: boolean): void {
    this.#parts.onRuns(runs);
    for (const listener of this.#watchers) listener();
  }

  #settle({ promoted }: KeyChange): void {
    for (const name of promoted) this.keys = { ...this.keys, [name]: this.#staged[name] ?? this.keys[name] };
  }

  #here(): Running {
    if (!this.#running) throw new Error("the fleet service does not run");
    return this.#running;
  }
}

function signer(crypto: Crypto, algorithm: Algorithm, entropy: Entropy): Signer {
  const key = crypto.generate(algorithm, entropy);
  return { publicKey: crypto.publicKey(key), sign: (message) => crypto.sign(key, message) };
}
