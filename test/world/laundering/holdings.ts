/** How a device came to be held: the columns of the matrix. */
import type { HoldLevel, Level } from "../../../protocol/level.js";
import type { Camera } from "./camera.js";
import { HOUR_MS, type Yard } from "./yard.js";

export interface Holding {
  readonly level: Level;
  readonly from: "directive" | "release" | "advisory" | "own alarm";
  hold(yard: Yard, camera: Camera): Promise<void>;
}

export const HOLDINGS: readonly Holding[] = [
  byDirective("observe"),
  byDirective("restrict"),
  byDirective("isolate"),
  {
    level: "revoked",
    from: "release",
    hold: (yard, { number }) =>
      yard.act({ kind: "hold", numbers: [number], level: "revoked", reason: "scrapped" }),
  },
  byAdvisory("observe"),
  byAdvisory("restrict"),
  byAdvisory("isolate"),
  { level: "isolate", from: "own alarm", hold: byOwnAlarm },
];

function byDirective(level: HoldLevel): Holding {
  const hold: Holding["hold"] = (yard, { number }) =>
    yard.act({ kind: "hold", numbers: [number], level, reason: "stolen" });
  return { level, from: "directive", hold };
}

/** Its rule is about this number: another number of the same hardware does not match by itself. */
function byAdvisory(level: HoldLevel): Holding {
  const hold: Holding["hold"] = (yard, { number }) =>
    yard.act({ kind: "advise", numbers: [], level, match: `number = ${number}`, reason: "recall" });
  return { level, from: "advisory", hold };
}

/** Somebody puts an older state back, and the device tells its fleet. */
async function byOwnAlarm({ world }: Yard, camera: Camera): Promise<void> {
  const { node, number } = camera;
  await camera.stop();
  restoreState(camera);
  await camera.start();
  const told = () => world.fleet.view.devices.get(number)?.standing === "isolate";
  await world.until(told, `the fleet hears of the alarm of ${node.name}`, HOUR_MS);
}

/** The state as it was, beside the keys and the counter of today. It has to be off. */
export function restoreState({ node, before }: Camera): void {
  const paths = [...before.keys(), ...node.disk.image().keys()];
  node.disk.restore(
    before,
    paths.filter((path) => path.startsWith("/state/")),
  );
}
