/** How large a swarm is and how it is spread over processes and addresses; and what is refused. Pure. */
import { SwarmError } from "./errors.js";

export interface SwarmSettings {
  readonly devices: number;
  /** Of them, those that the scenario holds or revokes. */
  readonly picked: number;
  /** Processes that the devices are spread over. */
  readonly workers: number;
  /** The picked ones are in one more process, so that what others are busy with does not delay what is seen of them. */
  readonly apart: boolean;
  /** Loopback addresses that they connect from. */
  readonly addresses: number;
  /** Devices that start per second, all processes together; Infinity: as fast as the machine takes it. */
  readonly perSecond: number;
}

/** Devices in one process: its memory and its garbage collector take no more. */
export const MAX_DEVICES_PER_WORKER = 15_000;
export const MAX_WORKERS = 16;
/** A source address has about 28,000 ports for connections to one gateway; those that just closed still count. */
const MAX_DEVICES_PER_ADDRESS = 20_000;
export const MAX_ADDRESSES = 250;
/** Open files of a worker besides its connections: modules, pipes, the event loop's own. */
const SPARE_FILES = 64;
/** 127.0.0.1 is the gateway's. */
const FIRST_SOURCE = 2;

/** Gateways bound the connections that come from one address; a fleet in the field has many. */
const DEVICES_PER_ADDRESS = 500;
const FEWEST_ADDRESSES = 4;

/** Addresses for so many devices, where nobody says otherwise. */
export function usualAddresses(devices: number): number {
  const wanted = Math.ceil(devices / DEVICES_PER_ADDRESS);
  return Math.min(MAX_ADDRESSES, Math.max(FEWEST_ADDRESSES, wanted));
}

/** Processes that play devices. */
export function processesOf({ workers, apart }: SwarmSettings): number {
  return workers + (apart ? 1 : 0);
}

/** @throws SwarmError "bad-settings", with what to change. */
export function checkSettings(settings: SwarmSettings): void {
  const { devices, picked, addresses } = settings;
  if (picked > devices) throw bad(`of ${devices} devices, ${picked} cannot be picked: lower --pick`);
  const most = largestHand(settings);
  if (most > MAX_DEVICES_PER_WORKER) {
    const enough = Math.ceil(devices / MAX_DEVICES_PER_WORKER);
    const isTooMany = enough > MAX_WORKERS || picked > MAX_DEVICES_PER_WORKER;
    const instead = isTooMany ? "use fewer devices" : `use --workers ${enough}`;
    throw bad(
      `a process plays at most ${MAX_DEVICES_PER_WORKER} devices, and these would be ${most}: ${instead}`,
    );
  }
  const perAddress = Math.ceil(devices / addresses);
  if (perAddress > MAX_DEVICES_PER_ADDRESS) {
    const enough = Math.ceil(devices / MAX_DEVICES_PER_ADDRESS);
    throw bad(
      `one source address has ports for ${MAX_DEVICES_PER_ADDRESS} devices: use --addresses ${enough}`,
    );
  }
}

/** @param openFiles - limit of one process; undefined: not known. @throws SwarmError "bad-settings" */
export function checkOpenFiles(settings: SwarmSettings, openFiles: number | undefined): void {
  const needed = largestHand(settings) + SPARE_FILES;
  if (openFiles === undefined || needed <= openFiles) return;
  const enough = Math.ceil(settings.devices / Math.max(1, openFiles - SPARE_FILES));
  const more = enough <= MAX_WORKERS ? `, or use --workers ${enough}` : "";
  throw bad(
    `each device needs an open file: a process needs ${needed}, and may have ${openFiles}; ` +
      `raise the limit with ulimit -n ${needed}${more}`,
  );
}

/** One hand for each process, the picked ones in the last where they are played apart. */
export function deal<T>(all: readonly T[], settings: SwarmSettings): readonly (readonly T[])[] {
  const { workers, picked, apart } = settings;
  const taken = new Set(apart ? spread(all, picked) : []);
  const others = all.filter((each) => !taken.has(each));
  const size = Math.max(1, Math.ceil(others.length / workers));
  const hands = Array.from({ length: workers }, (_, i) => others.slice(i * size, (i + 1) * size));
  return apart ? [...hands, [...taken]] : hands;
}

/** Source address of a device by its place in its hand; undefined: whatever the machine takes. */
export function sourceOf(place: number, { addresses }: SwarmSettings): string | undefined {
  return addresses === 1 ? undefined : `127.0.0.${FIRST_SOURCE + (place % addresses)}`;
}

/** `count` of them, evenly spread. */
export function spread<T>(all: readonly T[], count: number): readonly T[] {
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => {
    const at = Math.floor((i * all.length) / count);
    return all[at] as T;
  });
}

function largestHand({ devices, workers, picked, apart }: SwarmSettings): number {
  return apart ? Math.max(picked, Math.ceil((devices - picked) / workers)) : Math.ceil(devices / workers);
}

function bad(why: string): SwarmError {
  return new SwarmError("bad-settings", why);
}
