/** Smoke: does everything work at all? Each device is born, enrolled and leased, speaks, goes and comes back. */
import { type Claim, count } from "../../voyage/claims.js";
import type { ListedDevice } from "../fleet-port.js";
import type { Scenario } from "../scenario.js";
import type { Sighting } from "../sighting.js";

export const smoke: Scenario = {
  name: "smoke",
  brief: "every device is enrolled and leased, sends one message, loses its connection and comes back",
  devices: 50,
  picked: 0,
  apart: false,
  async play(swarm) {
    const { numbers, fleet } = swarm;
    const everyone = numbers.length;
    await swarm.mark();
    swarm.say("every device sends a message");
    await swarm.publish(numbers, "smoke");
    await swarm.until(({ acknowledged }) => acknowledged === everyone);
    swarm.say("every device loses its connection");
    await swarm.reconnect(numbers);
    await swarm.until(({ leasedAgain }) => leasedAgain === everyone);
    return { claims: smokeClaims(numbers, await swarm.sightings(), await fleet.devices()), timings: [] };
  },
};

/** @param sightings - since before the message. */
export function smokeClaims(
  numbers: readonly number[],
  sightings: readonly Sighting[],
  listed: readonly ListedDevice[],
): readonly Claim[] {
  const everyone = numbers.length;
  const enrolled = new Set(listed.filter((device) => device.enrolled).map(({ number }) => number));
  const how = (what: (seen: Sighting) => boolean) => sightings.filter(what).length;
  return [
    count(
      "the fleet lists every device as enrolled",
      numbers.filter((n) => enrolled.has(n)).length,
      everyone,
      "enrolled",
    ),
    count(
      "each message was acknowledged, once",
      how(({ acknowledged }) => acknowledged === 1),
      everyone,
      "acknowledged",
    ),
    count(
      "every device came back and was leased again",
      how((s) => s.leasedAgainAtMs !== undefined),
      everyone,
      "leased",
    ),
  ];
}
