/** A small fleet whose log was put back, and one whose people have begun new terms above what was lost. */
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import type { FleetEvent } from "../../fleet/events.js";
import { stateOf } from "../../fleet/recovery/closed-log.js";
import { beginNewTerms, linkWithNewTerms } from "../../fleet/recovery/new-terms.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { entropy } from "./served-fleet.js";
import { must, recordsOf, SmallFleet } from "./fixtures.js";

/** A log with the first records of the fleet's, up to the first with an event that is lost. */
async function logUntil(fleet: SmallFleet, isLost: (event: FleetEvent) => boolean): Promise<MemoryEventLog> {
  const log = new MemoryEventLog();
  const ends = new Map<string, number>();
  for (const { subject, events } of await recordsOf(fleet.log)) {
    if (events.some(isLost)) break;
    ends.set(subject, await log.append(subject, events, ends.get(subject) ?? 0));
  }
  return log;
}

/** The same fleet, as it was before the first event that is lost. */
export async function restored(
  fleet: SmallFleet,
  isLost: (event: FleetEvent) => boolean,
): Promise<SmallFleet> {
  return SmallFleet.open({ log: await logUntil(fleet, isLost), clock: fleet.clock });
}

/** Under new terms, and started again. */
export async function mended({ log, clock, keys }: SmallFleet): Promise<SmallFleet> {
  const state = await stateOf(log, nodeCrypto);
  const now = clock.seconds;
  const context = { crypto: nodeCrypto, entropy, now };
  const link = linkWithNewTerms(must(state.folded.chain.at(-1)), keys.root, context);
  const mending = { actor: "operator", reason: "story", now };
  await beginNewTerms(log, state, link, { current: keys, staged: {} }, mending, context);
  return SmallFleet.open({ log, clock });
}
