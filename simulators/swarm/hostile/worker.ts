/** The process of a flood: told its plan by its parent, it tells how it goes, and ends with it. */
import { flood } from "./flood.js";
import type { FloodPlan } from "./plan.js";
import type { Tally } from "./tally.js";

export type FromFlood =
  | { readonly type: "going" | "over"; readonly tally: Tally }
  | { readonly type: "refused"; readonly why: string };

/** How often it tells how it goes. */
const TELL_MS = 200;

process.on("disconnect", () => process.exit()); // the parent is gone, and so is all that this is for
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined); // the parent decides
process.once("message", (plan: FloodPlan) => void run(plan));

async function run(plan: FloodPlan): Promise<void> {
  let last: Tally = {};
  const telling = setInterval(() => tell({ type: "going", tally: last }), TELL_MS);
  try {
    tell({ type: "over", tally: await flood(plan, (tally) => (last = tally)) });
  } catch (error) {
    tell({ type: "refused", why: error instanceof Error ? error.message : String(error) });
  } finally {
    clearInterval(telling);
  }
}

function tell(message: FromFlood): void {
  process.send?.(message, undefined, {}, () => undefined); // nobody to tell: `disconnect` follows
}
