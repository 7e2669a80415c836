/** Who carries out which kind of thing in a plan. */
import type { Deed, Kind } from "../plan/deeds.js";
import { ATTACKERS } from "./attackers.js";
import { BAD_GATEWAY } from "./bad-gateway.js";
import { MACHINES } from "./machines.js";
import { NETWORK } from "./network.js";
import { OPERATORS } from "./operators.js";
import { PEOPLE } from "./people.js";
import type { Play, Plays, Scene } from "./scene.js";
import { SERVICES } from "./services.js";

const PLAYS: Plays<Kind> = {
  ...NETWORK,
  ...SERVICES,
  ...MACHINES,
  ...OPERATORS,
  ...PEOPLE,
  ...ATTACKERS,
  ...BAD_GATEWAY,
};

/** Puts it into the schedule of the world. @param startMs - true time at which the plan begins. */
export function schedule(scene: Scene, deed: Deed, startMs: number): void {
  const play = PLAYS[deed.kind] as Play<Kind>; // the table has for each kind what takes deeds of that kind
  const luck = scene.luck(deed.id);
  const delayMs = startMs + deed.atMs - scene.world.nowMs;
  scene.after(delayMs, deed.id, "plan", () => play(scene, deed, luck));
}
