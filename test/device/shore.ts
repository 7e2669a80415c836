/** A whole device on a disk that loses power, and a fleet that answers whatever it asks: the shipped device code, no sockets. */
import { X509Certificate } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { FileKeyStore } from "../../device/adapters/file-key-store.js";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { openRecord, readLdevid } from "../../device/held.js";
import { createDevice, type Device, type DeviceEvent } from "../../device/main.js";
import type { Transport } from "../../device/ports.js";
import type { Alarm, DeviceRecord } from "../../device/record.js";
import { heldVector } from "../../device/state.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { equalBytes } from "../../protocol/bytes.js";
import { ReenrollRequest } from "../../protocol/certify.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import type { PublicKey } from "../../protocol/crypto.js";
import type { SessionRole } from "../../protocol/notice.js";
import type { HeldVector } from "../../protocol/vector.js";
import type { CutDisk } from "../contracts/cut-disk.js";
import { type Call, Line } from "./line.js";
import { entropy, type Owner } from "./owner.js";
import { answerTo, readQuestion } from "./questions.js";
import { StillClock } from "./still-clock.js";

/** Turns of the event loop until a device must have come to where it goes. */
const MAX_TURNS = 400;
const TURNS_OF_REST = 10;
/** Waits up to this long are waited for: retries and what is spread over a fleet, and not the next sync. */
const PATIENCE_MS = 120_000;

export const diskParts = (disk: CutDisk) => ({
  store: new LowdbDeviceStore("state", disk),
  keys: new FileKeyStore("keys", nodeCrypto, entropy, disk),
});

/** What a device said that it holds, and to which fleet. */
export interface Told {
  readonly fleetId: Uint8Array;
  readonly holds: HeldVector;
}

/** The fleets that one device meets. They keep what it confirmed, and have nothing against it. */
export class Shore {
  readonly owners: readonly Owner[];
  readonly idevid: PublicKey;
  /** The newest link of it that the device holds, for a change of owner. */
  voucher: Uint8Array = new Uint8Array();
  /** What every sync brings. */
  documents: readonly Uint8Array[] = [];
  /** Of an LDevID that is good for no session any more: its key. */
  expired: PublicKey | undefined;
  /** Every session is a held one. */
  held = false;
  /** Called when the device comes, before it says a word. */
  met: () => void = () => undefined;
  told: Told | undefined;
  /** Alarms that it told last. */
  alarms: readonly Alarm[] = [];
  readonly #keys: PublicKey[];

  constructor(owners: readonly Owner[], idevid: PublicKey, keys: readonly PublicKey[] = [idevid]) {
    this.owners = owners;
    this.idevid = idevid;
    this.#keys = [...keys];
  }

  /** As things are, for a device that was at this point. */
  copy(): Shore {
    const { documents, expired, told, voucher } = this;
    return Object.assign(new Shore(this.owners, this.idevid, this.#keys), {
      documents,
      expired,
      told,
      voucher,
    });
  }

  serve(call: Call, fleetId: Uint8Array): void {
    const owner = this.owners.find(({ trust }) => equalBytes(trust.fleetId, fleetId));
    if (!owner) throw new Error("it calls a fleet that never owned it");
    call.onSend = (bytes) => this.#asked(call, owner, bytes);
    this.met();
    call.open();
    if (call.door.name === "front") call.notice(this.#roleOf(call.door.certificates));
  }

  #roleOf(certificates: string): SessionRole {
    if (this.held) return "held";
    const { raw } = new X509Certificate(certificates); // the first of them
    const { bytes } = readLdevid(new Uint8Array(raw)).publicKey;
    return [this.idevid, this.expired].some((key) => key && equalBytes(key.bytes, bytes))
      ? "pledge"
      : "device";
  }

  #asked(call: Call, owner: Owner, bytes: Uint8Array): void {
    const signed = looksSigned(bytes) ? parseEnvelope(bytes) : undefined;
    if (signed?.type === ReenrollRequest.type)
      this.#keys.push(ReenrollRequest.decode(signed.payload).publicKey); // it signs itself
    const question = readQuestion(bytes, this.#keys, owner);
    const { kind, value } = question;
    if (kind === "sync" || kind === "receipt")
      this.told = { fleetId: owner.trust.fleetId, holds: value.holds };
    if (kind === "sync") this.alarms = value.alarms ?? [];
    if ("publicKey" in value) this.#keys.push(value.publicKey);
    const answer = kind === "sync" ? owner.syncReply(value, this.documents) : answerTo(question, owner);
    if (answer) call.receive(answer);
  }
}

/** What a disk holds, as the device finds it at boot. */
export interface Found {
  readonly record: DeviceRecord;
  readonly holds: HeldVector;
  readonly doubt: string;
}

/** @throws as the store does. */
export async function found(disk: CutDisk): Promise<Found | undefined> {
  const stored = await diskParts(disk.copy()).store.load();
  if (!stored) return undefined;
  const { record, doubt = "none" } = stored;
  return { record, holds: heldVector({ record, held: openRecord(record, nodeCrypto) }), doubt };
}

/** A device that runs from its disk until it is switched off, or its power is gone. */
export class Afloat {
  readonly events: DeviceEvent[] = [];
  readonly disk: CutDisk;
  readonly shore: Shore;
  readonly line: Line;
  readonly clock: StillClock;
  readonly device: Device;

  private constructor(disk: CutDisk, shore: Shore, line: Line, clock: StillClock, device: Device) {
    this.disk = disk;
    this.shore = shore;
    this.line = line;
    this.clock = clock;
    this.device = device;
    device.onEvent((event) => this.events.push(event));
  }

  static async start(disk: CutDisk, shore: Shore): Promise<Afloat> {
    const [line, clock] = [new Line(), new StillClock()];
    const transport: Transport = {
      connect(fleetId, door, events) {
        line.onCall = (call) => shore.serve(call, fleetId);
        return line.connect(fleetId, door, events);
      },
    };
    const backoff = { firstMs: 1, longestMs: 4 };
    const ports = { ...diskParts(disk), transport, clock, crypto: nodeCrypto, entropy, backoff };
    const device = await createDevice({ ...ports, algorithm: "Ed25519" });
    return new Afloat(disk, shore, line, clock, device);
  }

  /** Goes on until what is stored is as it should be. */
  async until(isThere: (record: DeviceRecord) => boolean, what: string): Promise<void> {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      await setImmediate();
      const failed = this.events.find((event) => event.type === "failed");
      if (failed) throw new Error(`it stopped before ${what}`, { cause: failed.error });
      const stored = await found(this.disk);
      if (stored && isThere(stored.record)) return;
      const { nextMs } = this.clock;
      if (nextMs !== undefined && nextMs <= PATIENCE_MS) this.clock.advance(nextMs);
    }
    throw new Error(`it never came about: ${what}`);
  }

  /** What is under way comes to its end; nothing becomes due. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < TURNS_OF_REST; turn++) await setImmediate();
  }

  /** Time passes for device and fleet alike. */
  pass(seconds: number): void {
    for (const owner of this.shore.owners) owner.now += seconds;
    this.clock.advance(seconds * 1000);
  }
}
