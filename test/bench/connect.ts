/**
 * What a connect costs a server: bare Node, mosquitto, bare aedes and our gateway in the same run, with the same
 * clients. Prints it, writes it into docs/benchmarks.md, and fails when a target is missed:
 *
 *     npm run bench:connect [-- -j]
 */
import {
  connectTable,
  type Figures,
  goalLine,
  missedConnects,
  type Round,
  SERVERS,
  type ServerKind,
} from "./connect-figures.js";
import { startMosquitto } from "./connect-mosquitto.js";
import { Client, cpuMs, type RunningServer, startServer } from "./connect-processes.js";
import { giveOut } from "./output.js";

const CONNECTS = 1_000;
/** Until code is compiled and memory is taken: a gateway runs for weeks, not for a second. */
const WARM_UP_ROUNDS = 3;
const ROUNDS = 5;
/** From the last answer until the server has put everything away. */
const SETTLE_MS = 150;

interface Contender extends RunningServer {
  readonly kind: ServerKind;
  readonly full: Round[];
  readonly resumed: Round[];
}

async function measure(): Promise<readonly Figures[]> {
  const client = await Client.start();
  const contenders: Contender[] = [];
  try {
    for (const kind of SERVERS) {
      const server = await (kind === "mosquitto" ? startMosquitto() : startServer(kind));
      contenders.push({ kind, ...server, full: [], resumed: [] });
    }
    for (let round = 1 - WARM_UP_ROUNDS; round <= ROUNDS; round++) {
      process.stderr.write(round < 1 ? "warming up\n" : `round ${round} of ${ROUNDS}\n`);
      for (const contender of contenders) {
        const full = await run(client, contender, false);
        const again = await run(client, contender, true);
        if (round < 1) continue;
        contender.full.push(full.round);
        if (again.resumed === CONNECTS) contender.resumed.push(again.round);
      }
    }
  } finally {
    await client.stop();
    await Promise.all(contenders.map((contender) => contender.stop()));
  }
  return contenders.map(({ kind, full, resumed }) => ({ server: kind, full, resumed }));
}

async function run(
  client: Client,
  { kind, port, pid }: Contender,
  resume: boolean,
): Promise<{ readonly round: Round; readonly resumed: number }> {
  const speaks = kind.startsWith("node") ? "echo" : "mqtt";
  const before = cpuMs(pid);
  const { seconds, resumed } = await client.run({ port, speaks, count: CONNECTS, resume });
  await new Promise((done) => setTimeout(done, SETTLE_MS));
  return { round: { cpuMs: (cpuMs(pid) - before) / CONNECTS, perSecond: CONNECTS / seconds }, resumed };
}

const figures = await measure();
const missed = missedConnects(figures);
giveOut("connect", [connectTable(figures), goalLine(figures)], { connects: CONNECTS, figures }, missed);
