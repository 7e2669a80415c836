/**
 * Ports for servers that are stopped and started again where they were. What the kernel gives to whoever listens on
 * port 0 it gives again as soon as nobody listens, so those ports will not do: another test would have it meanwhile.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the first that Linux hands out by itself (ip_local_port_range). */
const [LOWEST, END] = [20_000, 32_768];
/** Processes of vitest that run at one moment draw from ranges of their own; what is no test has the first. */
const RANGES = 4;
const RANGE = (END - LOWEST) / RANGES;

const range = Number(process.env["VITEST_POOL_ID"] ?? 0) % RANGES;
/** Anywhere: several vitest may run at one moment, and each has a first process. */
let next = randomInt(RANGE);

/** One that nobody listens on, and that nothing else in this process was given. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < RANGE; tries++) {
    const port = LOWEST + range * RANGE + next;
    next = (next + 1) % RANGE;
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${RANGE} ports is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
