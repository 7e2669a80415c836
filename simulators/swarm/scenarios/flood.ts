/**
 * Flood: good devices go on with their work, first in peace, then while hostile connections of every kind come
 * as fast as a few machines could make them. Work is: lose the connection, come back, sync, send a message.
 */
import { type Claim, count, never } from "../../voyage/claims.js";
import type { FloodPlan } from "../hostile/plan.js";
import { startFlood } from "../hostile/flood-process.js";
import { type Tally, total } from "../hostile/tally.js";
import type { Measured, Scenario, Swarm, Timed } from "../scenario.js";
import type { Sighting } from "../sighting.js";
import { percentilesOf } from "../timings.js";

/** Hostile connections for each good device. */
const HOSTILE_PER_DEVICE = 20;
const HOSTILE = { perSecond: 500, maxOpen: 2_000, addresses: 8 } as const;
/** Devices that lose their connection at one time. */
const AT_ONCE = 50;
/** Rounds in peace; the flood has as many as it takes. */
const PEACEFUL_ROUNDS = 2;

export const flood: Scenario = {
  name: "flood",
  brief: "devices go on with their work while 20 times as many hostile connections come",
  devices: 500,
  picked: 0,
  apart: false,
  async play(swarm) {
    const { numbers } = swarm;
    const begun = await swarm.measured();
    swarm.say("everyone comes back and sends, in peace");
    const peaceful = await rounds(swarm, (done) => done < PEACEFUL_ROUNDS);
    const calm = await swarm.measured();
    const plan = planFor(swarm);
    swarm.say(`the same, while ${plan.count} hostile connections come`);
    const running = startFlood(plan);
    try {
      const flooded = await rounds(swarm, (done) => done === 0 || !running.isOver);
      const during = await swarm.measured();
      swarm.say("the last hostile connections end");
      const tally = await running.over;
      const all = [...peaceful, ...flooded];
      return {
        claims: floodClaims({ rounds: all, devices: numbers.length, tally, plan, peaks: peaksOf(swarm) }),
        timings: [
          ...timed("in peace", peaceful, begun, calm),
          ...timed("in the flood", flooded, calm, during),
        ],
      };
    } finally {
      await running.end();
    }
  },
};

interface Observed {
  readonly devices: number;
  /** What was seen of all devices, round by round. */
  readonly rounds: readonly (readonly Sighting[])[];
  readonly plan: Pick<FloodPlan, "count" | "maxOpen">;
  readonly tally: Tally;
  /** Largest memory of each process that serves devices, bytes. */
  readonly peaks: readonly number[];
}

/** A gateway with nobody, and what each connection may add, a good or a hostile one. */
const GATEWAY_BYTES = 192 * 1024 * 1024;
const GATEWAY_BYTES_PER_CONNECTION = 160 * 1024;

export function floodClaims({ devices, rounds, plan, tally, peaks }: Observed): readonly Claim[] {
  const seen = rounds.flat();
  const expected = rounds.length * devices;
  const how = (what: (sighting: Sighting) => boolean) => seen.filter(what).length;
  const bound = GATEWAY_BYTES + (devices + plan.maxOpen) * GATEWAY_BYTES_PER_CONNECTION;
  const all = total(tally);
  const made = all.cut + all.outlasted + all.unreached;
  return [
    never(
      "no device gave up",
      how(({ failed }) => failed !== undefined),
      "failed",
    ),
    count(
      `every device came back and synced, ${rounds.length} times`,
      how(({ leasedAgainAtMs }) => leasedAgainAtMs !== undefined),
      expected,
      "leased again",
    ),
    count(
      "and each of its messages was acknowledged",
      how(({ acknowledged }) => acknowledged === 1),
      expected,
      "acknowledged",
    ),
    never(
      "none lost a connection but those that were given up on purpose",
      how(({ closes }) => closes > 1),
      "cut",
    ),
    count("all hostile connections were made", made - all.unreached, plan.count, "made"),
    ...Object.entries(tally).map(([kind, { cut, outlasted }]) =>
      count(`the gateway ended those of the kind: ${kind}`, cut, cut + outlasted, "ended"),
    ),
    never("none of them was heard", all.acknowledged, "acknowledged"),
    never(
      `no gateway process took more than ${Math.ceil(bound / 1024 / 1024)} MB`,
      peaks.filter((bytes) => bytes > bound).length,
      "took more",
    ),
  ];
}

/** @param goOn - whether there is another round after so many. @returns what was seen in each. */
async function rounds(
  swarm: Swarm,
  goOn: (done: number) => boolean,
): Promise<readonly (readonly Sighting[])[]> {
  const seen: (readonly Sighting[])[] = [];
  while (goOn(seen.length)) {
    await swarm.mark();
    for (let at = 0; at < swarm.numbers.length; at += AT_ONCE) {
      const some = swarm.numbers.slice(at, at + AT_ONCE);
      const sofar = at + some.length;
      await swarm.reconnect(some);
      await swarm.until(({ leasedAgain }) => leasedAgain >= sofar);
      await swarm.publish(some, "flood");
      await swarm.until(({ acknowledged }) => acknowledged >= sofar);
    }
    seen.push(await swarm.sightings());
  }
  return seen;
}

function timed(
  when: string,
  rounds: readonly (readonly Sighting[])[],
  before: Measured,
  after: Measured,
): readonly Timed[] {
  const seen = rounds.flat();
  const away = seen.flatMap(({ closedAtMs, leasedAgainAtMs }) =>
    closedAtMs === undefined || leasedAgainAtMs === undefined ? [] : [leasedAgainAtMs - closedAtMs],
  );
  return [
    {
      what: `connection begun to lease, ${when}`,
      times: after.lease.since(before.lease).percentiles(seen.length),
    },
    { what: `connection lost to lease, ${when}`, times: percentilesOf(away, seen.length) },
    {
      what: `message handed over to acknowledged, ${when}`,
      times: after.publish.since(before.publish).percentiles(seen.length),
    },
  ];
}

function planFor({ fleet, numbers }: Swarm): FloodPlan {
  const { host, port, id: fleetId } = fleet;
  const [number = 1] = numbers;
  return { host, port, fleetId, number, count: HOSTILE_PER_DEVICE * numbers.length, ...HOSTILE };
}

/** Of the gateways; of the server where they are inside it. */
function peaksOf(swarm: Swarm): readonly number[] {
  const peaks = new Map(swarm.memory());
  if (peaks.size > 1) peaks.delete(swarm.fleet.serverPid);
  return [...peaks.values()];
}
