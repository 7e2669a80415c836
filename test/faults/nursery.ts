/** Births, one after the other; one that was cut off is tried again with the same hardware and key. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { httpStationLink } from "../../device/adapters/http-station-link.js";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { beBorn } from "../../device/birth.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { entropy } from "../../simulators/swarm/identity.js";
import { SwarmKeyStore } from "../../simulators/swarm/key-store.js";
import { born } from "./facts.js";

const MODEL = "newborn";

export class Nursery {
  #newborn = unborn();

  /** Until something is not answered well. @param acknowledge - called with each birth that was. */
  async work(
    api: string,
    tokens: string,
    acknowledge: (fact: string) => void,
    isOver: () => boolean,
  ): Promise<void> {
    const link = await httpStationLink(api, join(tokens, "admin"));
    while (!isOver()) {
      const { hardwareId } = this.#newborn;
      const { number } = await beBorn({ ...this.#newborn, model: MODEL, crypto: nodeCrypto }, link);
      acknowledge(born(number, hardwareId));
      this.#newborn = unborn();
    }
  }
}

function unborn() {
  const [store, keys] = [new MemoryDeviceStore(), new SwarmKeyStore(entropy)];
  return { hardwareId: new Uint8Array(randomBytes(8)), store, keys };
}
