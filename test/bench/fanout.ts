/**
 * How fast a revocation reaches those whom it cuts: 100 of 2,000 connected devices are revoked.
 *
 *     npm run bench:fanout [-- -j]
 */
import { missedClaims, sizeLine, timesTable } from "./swarm-figures.js";
import { giveOut } from "./output.js";
import { playScenario } from "./swarm-run.js";

const report = await playScenario("cut-off", "--devices", "2000", "--pick", "100");
giveOut("fanout", [timesTable(report), sizeLine(report)], { report }, missedClaims(report));
