/**
 * A small fleet in memory, without sockets or TLS: the real service, station and front door, a clock set by
 * hand, and devices whose keys are at hand, so that a test can seal whatever a device could send.
 */
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { type Act, type FleetEvent, fromBase64Url, toBase64Url } from "../../fleet/events.js";
import { FLEET_KEY_NAMES, type FleetKeys, type StagedKeys } from "../../fleet/fleet-keys.js";
import { frontDoor } from "../../fleet/front-door.js";
import type { FleetLink } from "../../fleet/link.js";
import { DEFAULT_POLICY, type FleetPolicy } from "../../fleet/policy.js";
import type { EventLog, Follower, LogRecord, Position, Subject } from "../../fleet/ports.js";
import type { Refusal } from "../../fleet/refusal.js";
import { type FleetOptions, FleetService } from "../../fleet/service.js";
import { type Birth, drawUpPapers, type StationIdentity } from "../../fleet/station/births.js";
import { embeddedStation } from "../../fleet/station/embedded.js";
import type { Station } from "../../fleet/station/station.js";
import type { DeviceView, FleetView } from "../../fleet/view.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { BirthChallenge, BirthGrant, BirthHello, BirthRequest } from "../../protocol/birth.js";
import { concatBytes, uint32, utf8 } from "../../protocol/bytes.js";
import {
  CertificateReply,
  EnrollRequest,
  keyProof,
  RenewRequest,
  ReturnRequest,
} from "../../protocol/certify.js";
import type { Clock, Timer } from "../../protocol/clock.js";
import type { Algorithm, Entropy, Signer } from "../../protocol/crypto.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import type { HoldLevel, Level } from "../../protocol/level.js";
import type { Message } from "../../protocol/schema.js";
import { Receipt, SyncRequest } from "../../protocol/sync.js";
import type { HeldVector } from "../../protocol/vector.js";
import { testSigner } from "../x509/helpers.js";

export const DAY = 86_400;
/** Unix seconds at which every small fleet is founded. */
export const FOUNDED = Date.UTC(2027, 0, 1) / 1000;

/** Stands still until it is set, also back. */
export class HandClock implements Clock {
  seconds = FOUNDED;
  nowMs(): number {
    return this.seconds * 1000;
  }
  after(delayMs: number, run: () => void): Timer {
    return systemClock.after(delayMs, run);
  }
}

let drawn = 0;
/** Never the same bytes twice in one run; the same in every run. */
const entropy: Entropy = (size) =>
  nodeCrypto.sha256(concatBytes(utf8("fixtures"), uint32(drawn++))).subarray(0, size);
export const freshNonce = (): Uint8Array => entropy(16);
export const freshKey = (algorithm: Algorithm = "ES256"): Signer =>
  testSigner(algorithm, Buffer.from(entropy(16)).toString("hex"));

function fleetKeys(label: string): FleetKeys {
  return Object.fromEntries(
    FLEET_KEY_NAMES.map((name) => [name, testSigner("ES256", `${label} ${name}`)]),
  ) as FleetKeys;
}

/** An event log with something before or after each append: a disk that fails, or one that takes its time. */
export class WatchedLog implements EventLog {
  before: (events: readonly FleetEvent[]) => Promise<void> | void = () => undefined;
  after: () => Promise<void> | void = () => undefined;
  readonly #inner = new MemoryEventLog();
  /** Appends that are written and not answered, and what followers are told when they are. */
  #written = 0;
  readonly #untold: (() => void)[] = [];

  async append(subject: Subject, events: readonly FleetEvent[], expected: Position): Promise<Position> {
    await this.before(events);
    this.#written += 1;
    const position = await this.#inner.append(subject, events, expected);
    try {
      await this.after();
    } finally {
      this.#written -= 1;
      if (this.#written === 0) for (const tell of this.#untold.splice(0)) tell();
    }
    return position;
  }
  read(from: Position): AsyncIterable<LogRecord> {
    return this.#inner.read(from);
  }
  follow(from: Position, follower: Follower): () => void {
    const take = (record: LogRecord): void => {
      if (this.#written > 0) this.#untold.push(() => follower.take(record));
      else follower.take(record);
    };
    return this.#inner.follow(from, { take, failed: (error) => follower.failed(error) });
  }
  caughtUp(): Promise<void> {
    return this.#inner.caughtUp();
  }
  close(): Promise<void> {
    return this.#inner.close();
  }
}

export interface SmallFleetOptions {
  readonly policy?: Partial<FleetPolicy>;
  /** One that a fleet used before: the fleet is opened again. */
  readonly log?: EventLog;
  readonly clock?: HandClock;
  /** Part of every key: fleets of two labels have none in common. */
  readonly label?: string;
  readonly staged?: StagedKeys;
  /** What a verifier makes of a device that comes back. */
  readonly attest?: (number: number) => boolean;
}

/** Of every small fleet: opened again with the same log, it knows its tokens again. */
const TOKEN_SECRET = nodeCrypto.sha256(utf8("token secret"));

export class SmallFleet {
  readonly service: FleetService;
  readonly station: Station;
  readonly door: FleetLink;
  readonly clock: HandClock;
  readonly keys: FleetKeys;
  readonly log: EventLog;

  private constructor(
    options: FleetOptions & { clock: HandClock; keys: FleetKeys },
    service: FleetService,
    station: Station,
  ) {
    ({ clock: this.clock, keys: this.keys, log: this.log } = options);
    this.service = service;
    this.station = station;
    this.door = frontDoor(service);
  }

  static async open(options: SmallFleetOptions = {}): Promise<SmallFleet> {
    const { policy, log = new MemoryEventLog(), clock = new HandClock(), label = "harbour" } = options;
    const { staged, attest } = options;
    const hooks = { ...(staged && { staged }), ...(attest && { attest }) };
    const parts = { log, clock, crypto: nodeCrypto, entropy, name: label, ...hooks };
    const chosen = { keys: fleetKeys(label), policy: { ...DEFAULT_POLICY, ...policy } };
    const whole = { ...parts, ...chosen, tokenSecret: TOKEN_SECRET };
    const service = await FleetService.open(whole);
    return new SmallFleet(whole, service, await embeddedStation(service));
  }

  /** What a station of this fleet works with, for papers that its own code would not draw up. */
  get stationIdentity(): StationIdentity {
    const { trust, options, view } = this.service;
    const certificate = signedOf(view.station);
    const { station, factory } = this.keys;
    return { trust, certificate, station, factory, crypto: nodeCrypto, entropy: options.entropy };
  }

  /** What the station's own code would give for this birth; nobody imports it. */
  papersOf(birth: Birth): DevicePapers {
    const { idevid, voucher, record } = drawUpPapers(birth, this.stationIdentity);
    return { idevid: [idevid, this.stationIdentity.certificate], voucher, record };
  }

  async events(): Promise<readonly FleetEvent[]> {
    return (await recordsOf(this.log)).flatMap(({ events }) => events);
  }

  /** A device as the fleet sees it now. */
  device(number: number): DeviceView {
    return must(this.service.view.devices.get(number));
  }

  /** Born at the station, and imported by it. */
  async bear(hardwareId: string, key: Signer = freshKey()): Promise<SmallDevice> {
    const { idevid, voucher, record } = await this.birth(hardwareId, key);
    const numbers = must(this.service.view.numberByHardware.get(toBase64Url(utf8(hardwareId))));
    return new SmallDevice(this, must(numbers[0]), key, { idevid, voucher, record });
  }

  /** What the station answers to a hello and then to the request that fits its challenge. */
  async birth(hardwareId: string, key: Signer): Promise<BirthGrant> {
    const about = { hardwareId: utf8(hardwareId), model: "camera" };
    const hello = encodeFrame(BirthHello, { ...about, algorithm: key.publicKey.algorithm });
    const { nonce, fleetId } = decodeFrame(BirthChallenge, await this.station.receive(hello));
    const request = { ...about, nonce, publicKey: key.publicKey };
    const sealed = sealEnvelope(BirthRequest, request, key, fleetId, nodeCrypto);
    return decodeFrame(BirthGrant, await this.station.receive(sealed));
  }

  /** Born and enrolled. */
  async member(hardwareId: string): Promise<SmallDevice> {
    const device = await this.bear(hardwareId);
    await device.certify("enroll");
    return device;
  }

  /** Requested and, where that takes a second person, approved. @returns why not, if so. */
  async act(
    kind: "hold" | "release",
    numbers: readonly number[],
    level: Level,
  ): Promise<Refusal | undefined> {
    return this.carryOut({ kind, numbers, level, reason: "story" });
  }

  /** Every device that matches is to hold itself at `level`. */
  advise(match: string, level: HoldLevel = "restrict"): Promise<Refusal | undefined> {
    return this.carryOut({ kind: "advise", numbers: [], match, level, reason: "story" });
  }

  unadvise(id: number): Promise<Refusal | undefined> {
    return this.carryOut({ kind: "unadvise", numbers: [], id, reason: "story" });
  }

  async carryOut(act: Act): Promise<Refusal | undefined> {
    const { id, refusal } = await this.service.act(act, "operator");
    const pending = this.service.view.acts.get(id);
    if (refusal || pending?.expiresAt === undefined) return refusal;
    return (await this.service.approve(id, this.service.actDigest(pending.act), "approver")).refusal;
  }
}

export interface DevicePapers {
  readonly idevid: readonly Uint8Array[];
  readonly voucher: Uint8Array;
  readonly record: Uint8Array;
}

export class SmallDevice {
  readonly fleet: SmallFleet;
  readonly number: number;
  readonly idevid: Signer;
  readonly papers: DevicePapers;
  /** The key of the newest LDevID that it asked for. */
  ldevid: Signer | undefined;

  constructor(fleet: SmallFleet, number: number, idevid: Signer, papers: DevicePapers) {
    this.fleet = fleet;
    this.number = number;
    this.idevid = idevid;
    this.papers = papers;
  }

  /** An envelope bound to this fleet, signed by the device's newest key unless told otherwise. */
  seal<T>(message: Message<T>, value: T, signer: Signer = this.ldevid ?? this.idevid): Uint8Array {
    return sealEnvelope(message, value, signer, this.fleet.service.trust.fleetId, nodeCrypto);
  }

  /** What every request for an LDevID holds, with a proof that fits. */
  newKey(key: Signer = freshKey(), nonce: Uint8Array = freshNonce()): RenewRequest {
    const proof = key.sign(keyProof(this.fleet.service.trust.fleetId, this.number, nonce, key.publicKey));
    return { subject: this.number, nonce, publicKey: key.publicKey, proof };
  }

  enrollRequest(changes: Partial<EnrollRequest> = {}, signer: Signer = this.idevid): Uint8Array {
    return this.seal(EnrollRequest, { ...this.newKey(), ...this.papers, ...changes }, signer);
  }

  syncRequest(changes: Partial<SyncRequest> = {}, signer?: Signer): Uint8Array {
    const request = { subject: this.number, nonce: freshNonce(), holds: this.nothingHeld() };
    return this.seal(SyncRequest, { ...request, maxReplyBytes: 4096, ...changes }, signer);
  }

  receipt(counter: number, signer?: Signer): Uint8Array {
    return this.seal(Receipt, { subject: this.number, counter, holds: this.nothingHeld() }, signer);
  }

  /** The vector of a device that has its papers and nothing else. */
  nothingHeld(): HeldVector {
    return { authority: { version: 1, hash: this.fleet.service.trust.authority.hash }, level: "none" };
  }

  /** What is sent comes over this device's own session. */
  send(message: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.fleet.door.handle(this.number, message);
  }

  /** Gets an LDevID for `key`, and signs with that from then on. @throws Error when it gets none. */
  async certify(how: "enroll" | "renew" | "return", key: Signer = freshKey()): Promise<void> {
    const request = this.newKey(key);
    const [reply] = await this.send(
      how === "enroll"
        ? this.enrollRequest(request)
        : how === "renew"
          ? this.seal(RenewRequest, request)
          : this.seal(ReturnRequest, request, this.idevid),
    );
    decodeFrame(CertificateReply, must(reply));
    this.ldevid = key;
  }
}

/** What has to be there. */
export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("there is nothing where something has to be");
  return value;
}

/** Of an event that always has something signed. */
export function signedOf(event: FleetEvent | undefined): Uint8Array {
  return fromBase64Url(must(event?.signed));
}

export async function recordsOf(log: EventLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of log.read(0)) records.push(record);
  return records;
}

/** Without what was composed for one question or another, and is kept to answer it again. */
export function known({ ledger: { composed: _kept, ...ledger }, ...view }: FleetView) {
  return { ...view, ledger };
}
