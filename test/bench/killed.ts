/**
 * The built `daymark device run` under `kill -9` at random while the fleet changes its level.
 *
 *     npm run soak:kill [-- --rounds 200 --seed 1 -j]
 */
import { parseArgs } from "node:util";
import { table } from "../docs/markdown.js";
import { BUILT } from "../stories/device-process.js";
import { type Killed, killedRounds, type Killing } from "../stories/killing.js";
import { giveOut } from "./output.js";

const MINUTE_MS = 60_000;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", short: "j", default: false },
  },
});
const begun = performance.now();
const asked = { seed: Number(values.seed), rounds: Number(values.rounds) };
const killed = await killedRounds({ ...asked, program: BUILT }, (round) =>
  process.stderr.write(`round ${round}\r`),
);
const minutes = (performance.now() - begun) / MINUTE_MS;
giveOut("killed", [killedTable(asked, killed, minutes)], { ...asked, ...killed, minutes }, killed.complaints);

function killedTable(
  { seed, rounds }: Pick<Killing, "seed" | "rounds">,
  { ends, savesCut, issued, found, raised, lowered, complaints }: Killed,
  minutes: number,
): string {
  const { milliseconds, line, file, message, stopped } = ends;
  const rows = [
    ["rounds", rounds],
    ["… ended by kill -9 after a drawn time", milliseconds],
    ["… upon a line that it printed", line],
    ["… upon a change of a file", file],
    ["… upon a message that the fleet took from it", message],
    ["… told to stop, by SIGTERM", stopped],
    ["kills that cut a save off", savesCut],
    ["directives and releases issued meanwhile", issued],
    ["of them found stored after a kill", found],
    ["rounds after which the stored level was higher", raised],
    ["… lower, each time by a release in force", lowered],
    ["older versions, lost levels, states in doubt", complaints.length],
    ["seed", seed],
    ["minutes", minutes.toFixed(1)],
  ] as const;
  return table(
    ["What", "Count"],
    rows.map(([what, count]) => [what, String(count)]),
    [1],
  );
}
