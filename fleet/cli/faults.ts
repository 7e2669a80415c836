/**
 * How a server ends by a fault that nobody caught. Node's own end waits for its threads, and the database's thread,
 * in the middle of a write, waits for Node: the server would neither serve nor end, and keep its folder locked.
 */
import { writeSync } from "node:fs";
import { errorText } from "./exit.js";

const STDERR = 2;

/** Until the call that it returns. What was acknowledged is on disk; what was not is asked for again. */
export function endAtFaults(process: NodeJS.Process): () => void {
  const end = (error: unknown): void => {
    try {
      writeSync(STDERR, `daymark: a fault ended this server: ${errorText(error)}\n`);
    } catch {
      // nobody reads it
    }
    process.kill(process.pid, "SIGKILL");
  };
  process.on("uncaughtException", end);
  return () => void process.off("uncaughtException", end);
}
