/** What `daymark recover --new-terms` does to the log of a harbor, and the server started again on it. */
import { stateOf } from "../../fleet/recovery/closed-log.js";
import { beginNewTerms, linkWithNewTerms } from "../../fleet/recovery/new-terms.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Harbor } from "./harbor.js";
import { entropy } from "./soft-keys.js";

/** Devices have to be started again. */
export async function recovered(harbor: Harbor, reason: string): Promise<void> {
  const { keys, service, clock } = harbor;
  const { log } = service.options;
  const context = { crypto: nodeCrypto, entropy, now: Math.floor(clock.nowMs() / 1000) };
  const link = linkWithNewTerms(service.trust, keys.root, context);
  const mending = { actor: "admin", reason, now: context.now };
  const state = await stateOf(log, nodeCrypto);
  await beginNewTerms(log, state, link, { current: keys, staged: {} }, mending, context);
  await harbor.restore(Infinity); // the same log
}
