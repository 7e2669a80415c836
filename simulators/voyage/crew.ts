/** The voyage's devices: shipped device code, each with a folder of its own for state and keys, and a radio. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { FileKeyStore } from "../../device/adapters/file-key-store.js";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { MqttTransport } from "../../device/adapters/mqtt-transport.js";
import { beBorn } from "../../device/birth.js";
import { createDevice, type Device } from "../../device/main.js";
import type { KeyStore } from "../../device/ports.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Clock } from "../../protocol/clock.js";
import type { VoyageFleet } from "./fleet-port.js";
import { Radio } from "./radio.js";

const entropy = (size: number) => new Uint8Array(randomBytes(size));
/** Quicker than the shipped default, so that nobody who watches has to wait. */
const BACKOFF = { firstMs: 50, longestMs: 1_000 };

export interface Sailor {
  readonly name: string;
  readonly number: number;
  readonly device: Device;
  readonly radio: Radio;
  readonly keys: KeyStore;
}

/** Gives the device its birth if it has none, and starts it. */
export async function signOn(
  name: string,
  folder: string,
  fleet: VoyageFleet,
  clock: Clock,
): Promise<Sailor> {
  const store = new LowdbDeviceStore(join(folder, name, "state"));
  const keys = new FileKeyStore(join(folder, name, "keys"), nodeCrypto, entropy);
  const birth = { hardwareId: utf8(`voyage/${name}`), model: "buoy", store, keys, crypto: nodeCrypto };
  await beBorn(birth, (message) => fleet.station(message));
  const radio = new Radio(new MqttTransport({ host: fleet.host, port: fleet.mqttPort }));
  const device = await createDevice({
    store,
    keys,
    transport: radio,
    clock,
    crypto: nodeCrypto,
    entropy,
    backoff: BACKOFF,
  });
  return { name, number: device.number, device, radio, keys };
}

/** Hands a reading over for sending; it leaves when the device may speak. */
export function report(sailor: Sailor, text: string): void {
  // A message that never leaves is what the observer is there to show.
  sailor.device.publish("reading", utf8(text)).catch(() => undefined);
}
