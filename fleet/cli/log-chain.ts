/** The chain of Authorities as the log of a folder has it. */
import type { Crypto } from "../../protocol/crypto.js";
import type { FleetEvent } from "../events.js";
import { emptyFold, foldEvent } from "../fold.js";
import { openLogOf } from "./log-of.js";

/**
 * @param folder - of the fleet.
 * @returns proven, oldest first.
 * @throws FleetError as `openLogOf` does.
 */
export async function readChain(folder: string, crypto: Crypto): Promise<readonly Uint8Array[]> {
  const log = await openLogOf(folder);
  try {
    let folded = emptyFold();
    for await (const { events } of log.read(0))
      for (const event of events) if (isAuthority(event)) folded = foldEvent(folded, event, crypto);
    return folded.chain.map(({ authority }) => authority.bytes);
  } finally {
    await log.close();
  }
}

function isAuthority({ type }: FleetEvent): boolean {
  return type === "fleet-created" || type === "authority-issued";
}
