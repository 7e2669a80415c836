/**
 * How fast everyone is back when every gateway is killed, beside the least that as many handshakes can take on
 * the same machine: 5,000 devices, 50 of them held.
 *
 *     npm run bench:herd [-- -j]
 */
import { handshakeLimit } from "./connect-limit.js";
import { herdTable, limitLine, missedClaims, sizeLine, timesTable } from "./swarm-figures.js";
import { giveOut } from "./output.js";
import { playScenario } from "./swarm-run.js";

const DEVICES = 5_000;
/** As many as the scenario has, of gateways and of processes with devices. */
const PAIRS = 2;

const limit = await handshakeLimit(DEVICES, PAIRS);
const report = await playScenario("herd", "--devices", String(DEVICES));
const parts = [herdTable(report, limit), limitLine(DEVICES, limit), timesTable(report), sizeLine(report)];
giveOut("herd", parts, { limit, report }, missedClaims(report));
