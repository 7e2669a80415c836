/**
 * What asks a worker over NATS in the sync bench, in a process of its own: the shipped link of a gateway, which packs
 * what waits into one message; or the same asker, one for each device, so that every request is a message of its own.
 */
import { BusAsker } from "../../broker/adapters/bus-asker.js";
import { BusLine } from "../../broker/adapters/bus-line.js";
import { BusLink } from "../../broker/adapters/bus-link.js";
import { LinkError } from "../../broker/adapters/link-error.js";
import { linkSubjects } from "../../fleet/link-bus-wire.js";
import { Positions } from "../../fleet/link-positions.js";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock as clock } from "../../protocol/adapters/system-clock.js";
import { assertLeased } from "./sync-crowd.js";
import { type Ask, closedLoop, type Requests, type Round } from "./sync-loop.js";
import { obey } from "./sync-processes.js";

interface Asking {
  readonly ask: Ask<readonly Uint8Array[]>;
  readonly close: () => void;
}

const [, , url = "", fleetId = ""] = process.argv;
const bus = await NatsBus.connect(
  { servers: [url], name: "bench gateway" },
  (problem) => void process.stderr.write(`${problem}\n`),
);
let given: readonly Requests[] = [];

const orders = {
  take: (requests: readonly Requests[]) => void (given = requests),
  /** @param signs - every answer is to be a lease. */
  packed: (signs: boolean) => run(packed, signs),
  oneByOne: (signs: boolean) => run(oneByOne, signs),
} as const;
export type GatewayOrders = typeof orders;

/** A line of its own for each round: only one of the two ways is told the news. */
async function run(open: () => Promise<Asking>, signs: boolean): Promise<Round> {
  const { ask, close } = await open();
  try {
    return await closedLoop(given, ask, signs ? assertLeased : () => undefined);
  } finally {
    close();
  }
}

async function packed(): Promise<Asking> {
  const link = await BusLink.open({ bus, fleetId, clock, crypto: nodeCrypto });
  return { ask: (number, message) => link.handle(number, message), close: () => link.close() };
}

/** A device waits for its answer before it asks again, so an asker never has two requests to pack. */
async function oneByOne(): Promise<Asking> {
  const parts = { bus, clock, subjects: linkSubjects(fleetId), positions: new Positions(clock, 0) };
  const line = await new Promise<BusLine>((resolve, reject) => {
    const opened: BusLine = new BusLine(parts, {
      told: ({ type }) => type === "ready" && resolve(opened),
      lost: reject,
    });
  });
  const askers = new Map(given.map(({ number }) => [number, new BusAsker({ ...parts, news: () => line })]));
  return {
    ask: async (number, message) => askers.get(number)!.ask({ type: "handle", number, message }),
    close: () => line.cut(new LinkError("link-down", "the round is over")),
  };
}

obey(orders, () => bus.close());
