/** `DeviceStore` that lasts as long as its process. It keeps the bytes of a state file, so no object is shared. */
import type { DeviceStore } from "../ports.js";
import type { DeviceRecord } from "../record.js";
import { decodeState, encodeState } from "./state-file.js";

export class MemoryDeviceStore implements DeviceStore {
  #file: Uint8Array | undefined;

  load(): Promise<DeviceRecord | undefined> {
    return Promise.resolve(this.#file === undefined ? undefined : decodeState(this.#file)?.record);
  }

  async save(record: DeviceRecord): Promise<void> {
    this.#file = encodeState({ generation: 1, record });
  }
}
