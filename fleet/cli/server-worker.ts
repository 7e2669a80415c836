/** One service of several: its log is a stream that all share, and gateways ask it over the bus. */
import { hostname } from "node:os";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { connectNats, type NatsOptions } from "../../protocol/adapters/nats-connection.js";
import { toHex } from "../../protocol/bytes.js";
import type { Clock } from "../../protocol/clock.js";
import { Ability } from "../ability.js";
import { JetStreamEventLog } from "../adapters/jetstream-event-log.js";
import type { Logger } from "../adapters/logger.js";
import { serveBus } from "../link-bus.js";
import { linkSource } from "../link-feed.js";
import type { Fleet, SharedLog } from "../main.js";
import type { Settings } from "../operations/settings.js";
import { notLetIn } from "./nats-options.js";
import type { Front } from "./server-front.js";
import type { ServerHealth } from "./server-health.js";

export interface Worker {
  /** For `openFleet`. */
  readonly shared: SharedLog;
  /** Takes its share of what gateways ask, while it can. @param health - told of that, and of the connection. */
  serve(fleet: Fleet, health: Pick<ServerHealth, "busIs" | "abilityIs"> | undefined): Promise<Front>;
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
      open: (copy, worker, mayMake) =>
        JetStreamEventLog.open({
          nats: connection,
          stream,
          copy,
          worker,
          clock,
          mayMake,
          acceptLogLoss,
          replicas,
        }),
    },
    async serve(fleet, health) {
      const report = (problem: string) => log.say("bus-problem", `bus: ${problem}`);
      const bus = await NatsBus.connect(nats, report);
      health?.busIs(true);
      const unwatch = bus.onState((isUp) => {
        health?.busIs(isUp);
        if (isUp) log.say("bus-up", "NATS is back");
        else log.say("bus-down", "NATS is out of reach");
      });
      const fleetId = toHex(fleet.service.trust.fleetId);
      const source = linkSource(fleet.service, fleet.link);
      const ability = new Ability(fleet.service, clock);
      health?.abilityIs(ability);
      tellAbility(ability, log);
      const server = serveBus({ source, bus, fleetId, clock, ability, report });
      return {
        isServing: () => false,
        pids: () => [],
        async close() {
          await server.close();
          ability.close();
          unwatch();
          await bus.close();
        },
      };
    },
    close: () => connection.close(),
  };
}

function tellAbility(ability: Ability, log: Logger): void {
  const tell = () => {
    const { why } = ability;
    if (why === undefined) log.say("share-taken", "gateways are served again");
    else log.say("share-left", `gateways are left to other workers: ${why}`);
  };
  if (ability.why !== undefined) tell();
  ability.onChange(tell);
}
