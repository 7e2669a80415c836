/** How many hostile connections, from where, how fast; and what is refused: nothing leaves this machine. Pure. */
import { SwarmError } from "../errors.js";

export interface FloodPlan {
  /** Of the gateway: an address in 127.0.0.0/8. */
  readonly host: string;
  readonly port: number;
  /** The device whose name and topic they use. */
  readonly number: number;
  /** Hex: of the fleet. It stands in the certificates that are not the fleet's. */
  readonly fleetId: string;
  /** Connections, all kinds in turn. */
  readonly count: number;
  /** Begun per second, at most. */
  readonly perSecond: number;
  /** Open at one time, at most: then the next one waits. */
  readonly maxOpen: number;
  /** Loopback addresses that they come from. */
  readonly addresses: number;
}

export const MAX_CONNECTIONS = 1_000_000;
/** Each is an open file, and so is each of the good devices' at the gateway. */
export const MAX_OPEN = 4_000;
const MAX_PER_SECOND = 10_000;
const MAX_ADDRESSES = 250;
/** Away from those of a swarm, so that a bound on addresses tells them apart. */
const SOURCES = "127.0.1";

/** @throws SwarmError "bad-settings" */
export function checkPlan({ host, count, perSecond, maxOpen, addresses }: FloodPlan): void {
  // RFC 1122 §3.2.1.3: such an address never leaves the machine.
  if (!/^127(\.\d{1,3}){3}$/.test(host)) {
    throw bad(`hostile connections are made to 127.0.0.0/8 only, not to ${host}`);
  }
  within("connections", count, MAX_CONNECTIONS);
  within("connections a second", perSecond, MAX_PER_SECOND);
  within("connections at a time", maxOpen, MAX_OPEN);
  within("addresses", addresses, MAX_ADDRESSES);
}

/** Where connection `serial` comes from. */
export function sourceOf(serial: number, { addresses }: FloodPlan): string {
  return `${SOURCES}.${1 + (serial % addresses)}`;
}

function within(what: string, value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 1 && value <= most))
    throw bad(`1 to ${most} ${what}, not ${value}`);
}

function bad(why: string): SwarmError {
  return new SwarmError("bad-settings", why);
}
