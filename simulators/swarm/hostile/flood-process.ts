/** A flood from its parent's side: a process of its own, so that it takes no time from those who measure. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { SwarmError } from "../errors.js";
import type { FloodPlan } from "./plan.js";
import type { Tally } from "./tally.js";
import type { FromFlood } from "./worker.js";

const WORKER = import.meta.resolve("./worker.js");

export interface RunningFlood {
  /** How the connections ended so far. */
  readonly tally: Tally;
  readonly isOver: boolean;
  /** How all of them ended. @throws SwarmError "worker-died", "bad-settings" */
  readonly over: Promise<Tally>;
  /** Ends the process, and with it whatever is still open. */
  end(): Promise<void>;
}

export function startFlood(plan: FloodPlan): RunningFlood {
  const child = fork(fileURLToPath(WORKER));
  const exit = once(child, "exit");
  let [tally, isOver, ending]: [Tally, boolean, boolean] = [{}, false, false];
  const over = new Promise<Tally>((resolve, reject) => {
    child.on("message", (message: FromFlood) => {
      if (message.type === "refused") return reject(new SwarmError("bad-settings", message.why));
      tally = message.tally;
      if (message.type === "over") resolve(tally);
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      const how = signal ?? `code ${code}`;
      if (!ending) reject(new SwarmError("worker-died", `the process of the flood ended by itself (${how})`));
    });
  });
  over.then(
    () => (isOver = true),
    () => (isOver = true), // who waits for it hears of it
  );
  child.send(plan);
  return {
    get tally() {
      return tally;
    },
    get isOver() {
      return isOver;
    },
    over,
    async end() {
      ending = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      await exit;
    },
  };
}
