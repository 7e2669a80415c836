/** A whole flood: hostile connections of every kind, one after the other, never faster or more at a time than planned. */
import { createSecureContext } from "node:tls";
import { systemClock } from "../../../protocol/adapters/system-clock.js";
import { topicsOf } from "../../../protocol/topics.js";
import { machineMs } from "../time.js";
import { attempt, type Contexts } from "./connection.js";
import { kindsOf } from "./kinds.js";
import { ofAnotherCa, selfSigned } from "./papers.js";
import { checkPlan, type FloodPlan, sourceOf } from "./plan.js";
import { type Tally, tallied } from "./tally.js";

/**
 * @param onEnd - after each connection: how all ended so far.
 * @throws SwarmError "bad-settings"
 */
export async function flood(plan: FloodPlan, onEnd: (tally: Tally) => void): Promise<Tally> {
  checkPlan(plan);
  const { host, port, number, fleetId, count, perSecond, maxOpen } = plan;
  const contexts = contextsFor(plan);
  const kinds = kindsOf({ number, topic: `${topicsOf(fleetId).app(number)}flood` });
  const beganAtMs = machineMs();
  let tally: Tally = {};
  let begun = 0;
  const oneAfterTheOther = async (): Promise<void> => {
    while (begun < count) {
      const serial = begun++;
      const kind = kinds[serial % kinds.length]!;
      const waitMs = beganAtMs + (serial * 1_000) / perSecond - machineMs();
      if (waitMs > 0) await new Promise((done) => setTimeout(done, waitMs));
      // Each kind comes from every address.
      const localAddress = sourceOf(Math.floor(serial / kinds.length), plan);
      const ended = await attempt(kind, { host, port, localAddress }, contexts);
      tally = tallied(tally, ended);
      onEnd(tally);
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxOpen, count) }, oneAfterTheOther));
  return tally;
}

function contextsFor({ fleetId, number }: FloodPlan): Contexts {
  const nowSeconds = Math.floor(systemClock.nowMs() / 1_000);
  const nothing = createSecureContext({ minVersion: "TLSv1.3" });
  const showing = (papers: { key: string; cert: string }) =>
    createSecureContext({ ...papers, minVersion: "TLSv1.3" });
  return {
    nothing,
    resumed: nothing,
    "self-signed": showing(selfSigned(fleetId, number, nowSeconds)),
    "another-ca": showing(ofAnotherCa(fleetId, number, nowSeconds)),
  };
}
