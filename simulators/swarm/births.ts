/** Gives devices their births: many at a time, through the station that `daymark device birth` asks too. */
import { toHex, utf8 } from "../../protocol/bytes.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { beBorn } from "../../device/birth.js";
import { httpStationLink } from "../../device/adapters/http-station-link.js";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { SwarmError } from "./errors.js";
import type { SwarmFleet } from "./fleet-port.js";
import { entropy, writeIdentity, type Written } from "./identity.js";
import { SwarmKeyStore } from "./key-store.js";

/** Births under way at one time: the station takes one after the other, and has a bound on who waits. */
const AT_ONCE = 32;
const MODEL = "swarm";

/**
 * @param onBirth - called after each one, with how many there are.
 * @throws SwarmError "no-births" at the first that fails.
 */
export async function giveBirth(
  count: number,
  { station }: Pick<SwarmFleet, "station">,
  onBirth: (born: number) => void,
): Promise<readonly Written[]> {
  const link = await httpStationLink(station.url, station.tokenFile);
  const run = toHex(entropy(6)); // hardware of one run has nothing to do with that of another
  const born: Written[] = [];
  let next = 0;
  const midwife = async () => {
    while (next < count) {
      const hardwareId = utf8(`swarm/${run}/${next++}`);
      const [store, keys] = [new MemoryDeviceStore(), new SwarmKeyStore(entropy)];
      await beBorn({ hardwareId, model: MODEL, store, keys, crypto: nodeCrypto }, link);
      born.push(await writeIdentity({ store, keys }));
      onBirth(born.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, midwife));
  } catch (cause) {
    next = count; // the others end with the birth that they are at
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SwarmError("no-births", `birth ${born.length + 1} of ${count} failed: ${why}`, { cause });
  }
  return born;
}
