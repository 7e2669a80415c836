/** mosquitto 2 with mutual TLS against a CA file, on a free port. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { freePort } from "../free-port.js";
import { Wallet } from "../peers/mosquitto.js";
import { clientCas, serverPass } from "./connect-crowd.js";
import type { RunningServer } from "./connect-processes.js";

const PROGRAM = "mosquitto";
const HOW = "run: bash test/setup.sh";
const HOST = "127.0.0.1";
const START_MS = 10_000;
const LOOK_MS = 50;

/** @throws Error when it is not installed, or does not start. */
export async function startMosquitto(): Promise<RunningServer> {
  const wallet = new Wallet();
  const port = await freePort();
  const { key, cert } = serverPass();
  const settings = {
    user: "root", // as who started it: it could not read its key otherwise
    listener: `${port} ${HOST}`,
    cafile: wallet.write(clientCas),
    certfile: wallet.write(cert),
    keyfile: wallet.write(key),
    tls_version: "tlsv1.3",
    require_certificate: "true",
    allow_anonymous: "true", // the certificate is the login
    log_type: "error",
  };
  const text = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  const child = spawn(PROGRAM, ["-c", wallet.write(text.join(""))], { stdio: "ignore" });
  const exit = once(child, "close");
  const ended = exit.then(
    () => Promise.reject(new Error(`${PROGRAM} ended by itself`)),
    (cause: unknown) => Promise.reject(new Error(`${PROGRAM} did not start: ${HOW}`, { cause })),
  );
  ended.catch(() => undefined); // it is to end, later
  const stop = async (): Promise<void> => {
    child.kill();
    await exit;
    wallet.remove();
  };
  try {
    await Promise.race([listening(port), ended]);
  } catch (error) {
    child.kill();
    wallet.remove();
    throw error;
  }
  return { port, pid: child.pid ?? 0, stop };
}

/** As it calls itself: "mosquitto version 2.0.11". Its help ends with an exit code of its own. */
export function mosquittoVersion(): string {
  try {
    return firstLine(execFileSync(PROGRAM, ["-h"], { encoding: "utf8" }));
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (!stdout) throw new Error(`${PROGRAM} is not installed: ${HOW}`, { cause: error });
    return firstLine(stdout);
  }
}

async function listening(port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    const socket = connect(port, HOST);
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
  throw new Error(`${PROGRAM} did not listen in time`);
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace("version ", "").trim();
}
