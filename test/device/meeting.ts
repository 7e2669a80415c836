/** Devices with no network, and a real socket between any two of them. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { MemoryKeyStore } from "../../device/adapters/memory-key-store.js";
import { type ExchangeReport, exchangeOverStream } from "../../device/adapters/peer-stream.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { createDevice, type Device, type DeviceEvent } from "../../device/main.js";
import { PeerBag } from "../../device/peer-bag.js";
import type { DeviceStore } from "../../device/ports.js";
import { storedIn } from "../../device/stored.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BundleReader } from "../../protocol/bundle.js";
import { concatBytes } from "../../protocol/bytes.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { encodeFrame } from "../../protocol/frame.js";
import { PeerEnd, PeerHello } from "../../protocol/peer.js";
import type { HeldVector } from "../../protocol/vector.js";
import { Line } from "./line.js";
import { entropy, type Owner } from "./owner.js";

/** A device that was born and has heard from nobody since. */
export interface Afloat {
  readonly device: Device;
  readonly idevid: PublicKey;
  readonly store: DeviceStore;
  readonly bag: PeerBag;
  readonly clock: JumpClock;
  readonly events: DeviceEvent[];
}

const started: Device[] = [];
const open: Socket[] = [];

export async function afloat(number: number, fleet: Owner): Promise<Afloat> {
  const keys = new MemoryKeyStore(nodeCrypto, entropy);
  const idevid = await keys.create(IDEVID_KEY, "ES256");
  const store = new MemoryDeviceStore();
  await store.save(fleet.bear(number, idevid));
  const clock = new JumpClock();
  const device = await createDevice({
    store,
    keys,
    clock,
    transport: new Line(),
    crypto: nodeCrypto,
    entropy,
  });
  started.push(device);
  const events: DeviceEvent[] = [];
  device.onEvent((event) => events.push(event));
  return { device, idevid, store, bag: new PeerBag(number, nodeCrypto), clock, events };
}

export async function sinkAll(): Promise<void> {
  for (const socket of open.splice(0)) socket.destroy();
  await Promise.all(started.splice(0).map((device) => device.close()));
}

/** Hands over documents, and resolves once they are stored. */
export async function give({ device }: Afloat, items: readonly Uint8Array[]): Promise<void> {
  for (const item of items) device.receive(item);
  await device.receipt();
}

export async function holds({ store }: Afloat): Promise<HeldVector> {
  return (await storedIn(store, nodeCrypto)).holds;
}

export function refusals({ events }: Afloat): readonly string[] {
  return events.flatMap((event) => (event.type === "refused" ? [event.code] : []));
}

/** Two ends of a connection on loopback. */
export async function sockets(): Promise<readonly [Socket, Socket]> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [[far]] = (await Promise.all([once(server, "connection"), once(near, "connect")])) as [
    [Socket],
    unknown,
  ];
  server.close();
  for (const end of [near, far]) end.on("error", () => undefined); // one side may hang up on the other
  open.push(near, far);
  return [near, far];
}

/** One side of an exchange. */
export function exchange(
  { device, store, bag, clock }: Afloat,
  stream: Socket,
  maxBytes?: number,
): Promise<ExchangeReport> {
  const limit = maxBytes === undefined ? {} : { maxBytes };
  return exchangeOverStream(device, stream, { store, bag, clock, crypto: nodeCrypto, ...limit });
}

export async function meet(a: Afloat, b: Afloat): Promise<readonly [ExchangeReport, ExchangeReport]> {
  const [near, far] = await sockets();
  return Promise.all([exchange(a, near), exchange(b, far)]);
}

/** The number of a peer that is no device. */
export const PEER = 77;

export function hello(held: HeldVector, change: Partial<PeerHello> = {}): Uint8Array {
  return encodeFrame(PeerHello, { number: PEER, holds: held, ...change });
}

export function end(part: PeerEnd["part"], items: number): Uint8Array {
  return encodeFrame(PeerEnd, { part, items });
}

/** What a peer says that has these documents and receipts, and does not listen. */
export function speech(
  held: HeldVector,
  documents: readonly Uint8Array[] = [],
  receipts: readonly Uint8Array[] = [],
): readonly Uint8Array[] {
  const [told, confirmed] = [end("documents", documents.length), end("receipts", receipts.length)];
  return [hello(held), ...documents, told, ...receipts, confirmed];
}

/** A device hears these bytes, and then the other end hangs up. @returns also what the device said. */
export async function hearing(
  listener: Afloat,
  bytes: readonly Uint8Array[],
  maxBytes?: number,
): Promise<{ readonly report: ExchangeReport; readonly said: readonly Uint8Array[] }> {
  const [near, far] = await sockets();
  const said: Uint8Array[] = [];
  far.on("data", (piece) => said.push(Uint8Array.from(piece)));
  const gone = once(far, "close");
  far.end(concatBytes(...bytes));
  const report = await exchange(listener, near, maxBytes);
  await gone;
  return { report, said: new BundleReader().push(concatBytes(...said)) };
}
