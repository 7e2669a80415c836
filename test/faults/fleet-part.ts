/** One process of a fleet: `daymark server run` or `gateway run`, which print where they serve. */
import type { Program } from "../stories/device-process.js";
import { Victim } from "./victim.js";

/**
 * Resolves when it has printed where it serves.
 * @param env - more of it.
 * @returns it, and what it printed.
 * @throws Error when it ends before.
 */
export async function startPart<T>(
  name: string,
  command: Program,
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly part: Victim; readonly said: T }> {
  let stdout = "";
  let serving: () => void = () => undefined;
  const served = new Promise<void>((resolve) => (serving = resolve));
  const take = (line: string) => {
    stdout += line;
    if (line === "}") serving();
  };
  const part = new Victim(command, take, env);
  const over = part.ended.then(() => {
    throw new Error(`${name} ended: ${part.stderr}`);
  });
  over.catch(() => undefined); // also when it ends later
  await Promise.race([served, over]);
  return { part, said: JSON.parse(stdout) as T };
}

/** `kill -9`. @throws Error when it had ended by itself. */
export async function killPart(name: string, part: Victim): Promise<void> {
  const { exitCode, signal } = await part.kill();
  if (signal !== "SIGKILL")
    throw new Error(`${name} had ended by itself, ${exitCode ?? signal}: ${part.stderr}`);
}

/** As a service manager does. @returns what did not end well. */
export async function stopPart(name: string, part: Victim): Promise<readonly string[]> {
  const { exitCode, signal } = await part.stop();
  if (exitCode === 0) return [];
  return [`${name} ended with ${exitCode ?? signal} when it was told to stop: ${part.stderr}`];
}
