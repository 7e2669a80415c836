/** One service of several: its log is a stream that all share, and gateways ask it over the bus. */
import { hostname } from "node:os";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { connectNats, type NatsOptions } from "../../protocol/adapters/nats-connection.js";
import { toHex } from "../../protocol/bytes.js";
import type { Clock } from "../../protocol/clock.js";
import { JetStreamEventLog } from "../adapters/jetstream-event-log.js";
import type { Logger } from "../adapters/logger.js";
import { serveBus } from "../link-bus.js";
import { linkSource } from "../link-feed.js";
import type { Fleet, SharedLog } from "../main.js";
import type { Settings } from "../operations/settings.js";
import { notLetIn } from "./nats-options.js";
import type { Front } from "./server-front.js";

export interface Worker {
  /** For `openFleet`. */
  readonly shared: SharedLog;
  /** Takes its share of what gateways ask. @param busIs - told of the connection that they ask over. */
  serve(fleet: Fleet, busIs: (isUp: boolean) => void): Promise<Front>;
  /** To be called when log and bus are closed. */
  close(): Promise<void>;
}

/** @throws FleetError "unreachable" when no server lets it in. */
export async function openWorker(
  nats: NatsOptions,
  settings: Settings<"server">,
  clock: Clock,
  log: Logger,
): Promise<Worker> {
  const { stream, replicas, acceptLogLoss } = settings;
  const connection = await connectNats(nats).catch(notLetIn);
  return {
    shared: {
      worker: hostname(),
      open: (copy, worker) =>
        JetStreamEventLog.open({ nats: connection, stream, copy, worker, clock, acceptLogLoss, replicas }),
    },
    async serve(fleet, busIs) {
      const report = (problem: string) => log.say("bus-problem", `bus: ${problem}`);
      const bus = await NatsBus.connect(nats, report);
      busIs(true);
      const unwatch = bus.onState((isUp) => {
        busIs(isUp);
        if (isUp) log.say("bus-up", "NATS is back");
        else log.say("bus-down", "NATS is out of reach");
      });
      const fleetId = toHex(fleet.service.trust.fleetId);
      const source = linkSource(fleet.service, fleet.link);
      const server = serveBus({ source, bus, fleetId, clock, report });
      return {
        pids: [],
        async close() {
          await server.close();
          unwatch();
          await bus.close();
        },
      };
    },
    close: () => connection.close(),
  };
}
