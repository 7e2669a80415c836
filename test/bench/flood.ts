/**
 * What a flood of 10,000 hostile connections does to the work of 500 devices.
 *
 *     npm run bench:flood [-- -j]
 */
import { floodTable, missedClaims, sizeLine, timesTable } from "./swarm-figures.js";
import { giveOut } from "./output.js";
import { playScenario } from "./swarm-run.js";

const report = await playScenario("flood", "--devices", "500");
const parts = [floodTable(report), timesTable(report), sizeLine(report)];
giveOut("flood", parts, { report }, missedClaims(report));
