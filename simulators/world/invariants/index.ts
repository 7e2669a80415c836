/** All invariants of DESIGN.md §13, each with a model of its own. */
import { DeviceDisks } from "./device-disks.js";
import { Durable } from "./durable.js";
import { Fence } from "./fence.js";
import { FleetLogs } from "./fleet-logs.js";
import { Fresh } from "./fresh.js";
import { GatewayLinks } from "./gateway-links.js";
import { HearBeforeSpeak } from "./hear-before-speak.js";
import { Honest } from "./honest.js";
import { Identity } from "./identity.js";
import type { Invariant } from "./invariant.js";
import { Laundering } from "./laundering.js";
import { Ledger } from "./ledger.js";
import { Monotone } from "./monotone.js";
import { NoBrick } from "./brick.js";
import { Standings } from "./standings.js";
import { Tokens } from "./tokens.js";

export { type Invariant, InvariantBroken } from "./invariant.js";

/** For one world, in the order in which they have to be told: what reads disks and logs comes first. */
export function allInvariants(): readonly Invariant[] {
  const disks = new DeviceDisks();
  const logs = new FleetLogs();
  const links = new GatewayLinks();
  const standings = new Standings();
  logs.follow(standings);
  const laundering = new Laundering(disks, logs, standings);
  return [
    disks,
    logs,
    links,
    new Monotone(disks),
    new Tokens(logs),
    new Fence(logs),
    laundering,
    new Fresh(disks, logs),
    new HearBeforeSpeak({ disks, logs, links }, standings, laundering.devices),
    new Ledger(disks, logs, standings),
    new Durable(disks, logs),
    new Identity(disks, logs, links),
    new Honest(disks, logs),
    new NoBrick(disks, standings),
  ];
}
