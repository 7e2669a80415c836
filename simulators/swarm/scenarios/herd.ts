/**
 * Herd: all gateway processes are killed at once, and everyone comes back by itself at the same time. "Back"
 * means a new lease: the device was heard and answered. Held devices come back too; they sync as held.
 */
import { type Claim, count, never } from "../../voyage/claims.js";
import { SwarmError } from "../errors.js";
import type { ListedDevice } from "../fleet-port.js";
import type { Scenario } from "../scenario.js";
import type { Sighting } from "../sighting.js";
import { machineMs } from "../time.js";
import { percentilesOf } from "../timings.js";

export const herd: Scenario = {
  name: "herd",
  brief: "every gateway process is killed at once: everyone comes back by itself, also those that are held",
  devices: 5_000,
  picked: 50,
  apart: false,
  async play(swarm) {
    const { numbers, picked, fleet } = swarm;
    const before = await fleet.gatewayPids();
    if (before.length === 0) {
      throw new SwarmError(
        "no-gateways",
        "there is no gateway process to kill: it is inside the server; run the server with --gateways 2, or leave --data out",
      );
    }
    swarm.say(`${picked.length} devices are held`);
    if (picked.length > 0) await fleet.hold(picked, "restrict", "swarm: herd");
    await swarm.until(({ held }) => held >= picked.length);
    await swarm.mark();
    swarm.say(`${before.length} gateway processes are killed`);
    const killedAtMs = machineMs();
    for (const pid of before) process.kill(pid, "SIGKILL");
    await swarm.until(({ leasedAgain }) => leasedAgain === numbers.length);
    const sightings = await swarm.sightings();
    const [after, listed] = [await fleet.gatewayPids(), await fleet.devices()];
    const peaks = new Map(swarm.memory());
    peaks.delete(fleet.serverPid);
    const claims = herdClaims({ numbers, picked, sightings, listed, before, after, peaks });
    if (picked.length > 0) await fleet.lift(picked, "swarm: herd is over");
    const heldOnes = new Set(picked);
    const back = (isHeld: boolean) =>
      sightings.flatMap(({ number, leasedAgainAtMs }) =>
        leasedAgainAtMs !== undefined && heldOnes.has(number) === isHeld
          ? [leasedAgainAtMs - killedAtMs]
          : [],
      );
    const rest = numbers.length - picked.length;
    return {
      claims,
      timings: [
        { what: "gateways killed to leased again", times: percentilesOf(back(false), rest) },
        { what: "the same, held devices", times: percentilesOf(back(true), picked.length) },
      ],
    };
  },
};

interface Observed {
  readonly numbers: readonly number[];
  readonly picked: readonly number[];
  /** Since before the kill. */
  readonly sightings: readonly Sighting[];
  readonly listed: readonly ListedDevice[];
  /** Process ids of gateways. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Bytes by process id, of gateways. */
  readonly peaks: ReadonlyMap<number, number>;
}

/** A gateway without devices, and what each may add (92 KB measured); any gateway may get all of them. */
const GATEWAY_BYTES = 192 * 1024 * 1024;
const GATEWAY_BYTES_PER_DEVICE = 128 * 1024;

export function herdClaims({
  numbers,
  picked,
  sightings,
  listed,
  before,
  after,
  peaks,
}: Observed): readonly Claim[] {
  const heldOnes = new Set(picked);
  const held = sightings.filter(({ number }) => heldOnes.has(number));
  const others = sightings.filter(({ number }) => !heldOnes.has(number));
  const isBack = (s: Sighting) => s.leasedAgainAtMs !== undefined;
  const restricted = listed.filter(
    ({ number, level }) => heldOnes.has(number) && level === "restrict",
  ).length;
  const replaced = after.filter((pid) => !before.includes(pid)).length;
  const bound = GATEWAY_BYTES + numbers.length * GATEWAY_BYTES_PER_DEVICE;
  const tooLarge = [...peaks.values()].filter((bytes) => bytes > bound).length;
  return [
    count("each gateway process was killed and replaced", replaced, before.length, "replaced"),
    count(
      "everyone was disconnected",
      sightings.filter(({ closes }) => closes > 0).length,
      numbers.length,
      "disconnected",
    ),
    count(
      "everyone came back by itself",
      others.filter(isBack).length,
      numbers.length - picked.length,
      "leased again",
    ),
    count("held devices came back too", held.filter(isBack).length, picked.length, "leased again"),
    never("and may not speak", held.filter((s) => s.speaking || s.spokeAgain).length, "may speak"),
    count("the fleet still holds them", restricted, picked.length, "at restrict"),
    never(`no gateway process took more than ${Math.ceil(bound / 1024 / 1024)} MB`, tooLarge, "took more"),
  ];
}
