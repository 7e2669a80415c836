/** Counts what follows from all that is done: what devices, gateways and the fleet say and record. */
import type { Observer } from "../observer.js";
import type { Tally } from "./tally.js";

export function counting(tally: Tally): Observer {
  return {
    deviceEvent(_node, event) {
      if (event.type === "refused") tally.count("device refuses", event.code);
      else if (event.type === "level") tally.count("device level", event.level);
      else if (event.type === "leased") tally.count("device", "leased");
      else if (event.type === "act") tally.count("device acts", event.act);
      else if (event.type === "failed" || event.type === "server-refused") tally.count("device", event.type);
    },
    power: (_node, power) => tally.count("power", power),
    accepted: () => tally.count("application", "accepted"),
    gatewayEvent: (_gateway, event) => tally.count("gateway", event.type),
    fleetEvent(_fleet, event) {
      if (event.type === "alarm-reported") tally.count("alarm", event.kind);
      else if (event.type === "certificate-issued") tally.count("certificate", event.via);
      else if (event.type === "lease-issued") tally.count("fleet", "lease");
      else tally.count("fleet", event.type);
    },
    fleetRuns: (_fleet, runs) => tally.count("fleet", runs ? "started" : "ended"),
  };
}
