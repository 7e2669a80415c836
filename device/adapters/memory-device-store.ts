/** `DeviceStore` that lasts as long as its process. It keeps the bytes of files, so no object is shared. */
import type { DeviceStore, Stored } from "../ports.js";
import type { DeviceRecord, SessionRecord } from "../record.js";
import { decodeChecked, encodeChecked } from "./checked-json.js";
import { decodeState, encodeState } from "./state-file.js";

export class MemoryDeviceStore implements DeviceStore {
  #state: Uint8Array | undefined;
  #session: Uint8Array | undefined;
  #saves = 0;

  load(): Promise<Stored | undefined> {
    const record = this.#state && decodeState(this.#state)?.record;
    const session = this.#session && (decodeChecked(this.#session) as unknown as SessionRecord);
    return Promise.resolve(record && { record, saves: this.#saves, ...(session && { session }) });
  }

  async save(record: DeviceRecord): Promise<void> {
    this.#state = encodeState({ saves: this.#saves + 1, generation: this.#saves + 1, record });
    this.#saves += 1;
  }

  async saveSession(session: SessionRecord): Promise<void> {
    this.#session = encodeChecked({ ...session });
  }
}
