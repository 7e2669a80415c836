/** Through which door a device goes to the fleet, as whom, and what it thinks of the server behind it. */
import { toHex } from "../protocol/bytes.js";
import type { Entropy } from "../protocol/crypto.js";
import { ProtocolError } from "../protocol/errors.js";
import { certificatesToPem } from "../protocol/x509/pem.js";
import { verifyChain } from "../protocol/x509/verify.js";
import { IDEVID_KEY } from "./jobs.js";
import { tlsIdentity } from "./machine.js";
import { assertIdevidKey } from "./own-keys.js";
import type { Door, KeyStore } from "./ports.js";
import { type DeviceState, nowSeconds } from "./state.js";

/** @param atMs - the moment at which the server is judged. @throws DeviceError "identity-lost", and those of the key store. */
export async function doorFor(
  state: DeviceState,
  keys: KeyStore,
  entropy: Entropy,
  atMs: () => number,
): Promise<Door> {
  if (state.needsTime || state.needsLinks) return { name: "lobby", clientId: `lobby-${toHex(entropy(8))}` };
  const { chain, key } = tlsIdentity(state);
  if (key === IDEVID_KEY) await assertIdevidKey(keys, state.idevidKey);
  const verify = (server: readonly Uint8Array[]) => judgeServer(server, state, atMs());
  // Every gateway knows the CA of an LDevID, and each certificate that is shown costs both ends.
  const certificates = certificatesToPem(...(key === IDEVID_KEY ? chain : chain.slice(0, 1)));
  return { name: "front", number: state.record.number, certificates, key: await keys.tlsKey(key), verify };
}

/** A gateway of this fleet, in date. @param chain - DER, leaf first. */
function judgeServer(
  chain: readonly Uint8Array[],
  state: DeviceState,
  atMs: number,
): "trusted" | "dates" | "chain" {
  const { certificates } = state.held.trust;
  try {
    const { profile, window } = verifyChain(chain, certificates, nowSeconds(state, atMs), state.crypto);
    if (profile !== "gateway") return "chain";
    return window === "current" ? "trusted" : "dates";
  } catch (error) {
    if (error instanceof ProtocolError) return "chain";
    throw error;
  }
}
