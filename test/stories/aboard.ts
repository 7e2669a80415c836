/** A device of a story: its own disk and radio, and what was seen of it. It runs the shipped device code. */
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { FileKeyStore } from "../../device/adapters/file-key-store.js";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import { MqttTransport } from "../../device/adapters/mqtt-transport.js";
import { beBorn } from "../../device/birth.js";
import { createDevice, type Device, type DeviceEvent, type DeviceOptions } from "../../device/main.js";
import type { DeviceStore, KeyStore, Transport } from "../../device/ports.js";
import type { Build } from "../../device/state.js";
import type { Station } from "../../fleet/station/station.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { Radio } from "../../simulators/voyage/radio.js";
import { entropy } from "./soft-keys.js";

/** A device's own disk and what was seen of it; `device` and `radio` are there while it runs. */
export interface Aboard {
  readonly number: number;
  readonly folder: string;
  readonly store: DeviceStore;
  readonly keys: KeyStore;
  readonly events: DeviceEvent[];
  device?: Device;
  radio?: Radio;
}

/** A device that runs. */
export type Sailor = Required<Aboard>;

export interface StartChanges extends Build {
  readonly port?: number;
  readonly store?: DeviceStore;
  /** Something between the device and its radio. */
  readonly wrap?: (radio: Radio) => Transport;
}

/** What the devices of one harbour share. */
export type Shared = Pick<DeviceOptions, "clock" | "peerPolicy"> & Required<Pick<DeviceOptions, "algorithm">>;

export interface Birth {
  readonly folder: string;
  readonly hardwareId: string;
  readonly model: string;
}

/** Gives a new device its birth; it is not running yet. */
export async function bear(
  { folder, hardwareId, model }: Birth,
  station: Station,
  { algorithm }: Shared,
): Promise<Aboard> {
  const { store, keys } = diskIn(folder);
  const about = { hardwareId: utf8(hardwareId), model, algorithm };
  const { number } = await beBorn({ ...about, store, keys, crypto: nodeCrypto }, (message) =>
    station.receive(message),
  );
  return { number, folder, store, keys, events: [] };
}

/** A device's store and keys in its folder. */
function diskIn(folder: string): Pick<Aboard, "store" | "keys"> {
  const store = new LowdbDeviceStore(join(folder, "state"));
  return { store, keys: new FileKeyStore(join(folder, "keys"), nodeCrypto, entropy) };
}

/** Starts the shipped device code on what is on the device's disk. */
export async function start(aboard: Aboard, port: number, shared: Shared, changes: StartChanges) {
  const { store = aboard.store, wrap, firmware, maxPartBytes } = changes;
  const radio = new Radio(new MqttTransport({ host: "127.0.0.1", port: changes.port ?? port }));
  const device = await createDevice({
    ...shared,
    store,
    keys: aboard.keys,
    transport: wrap?.(radio) ?? radio,
    crypto: nodeCrypto,
    entropy,
    backoff: { firstMs: 20, longestMs: 200 },
    ...(firmware !== undefined && { firmware }),
    ...(maxPartBytes !== undefined && { maxPartBytes }),
  });
  device.onEvent((event) => aboard.events.push(event));
  Object.assign(aboard, { device, radio });
  return device;
}

/** A plain MQTT client with a device's own key and certificate, and none of its firmware. */
export async function withoutFirmware(aboard: Sailor, port: number): Promise<MqttClient> {
  const { chain, key } = aboard.device.tlsIdentity;
  await aboard.device.close();
  return connectAsync({
    host: "127.0.0.1",
    port,
    protocol: "mqtts",
    cert: certificatesToPem(...chain),
    key: await aboard.keys.tlsKey(key),
    rejectUnauthorized: false,
    clientId: String(aboard.number),
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
}
