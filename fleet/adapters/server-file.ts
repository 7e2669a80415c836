/** Where a running server says how it is reached, so that commands on the same machine find it. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FILE_MODE, writeFileAtomic } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { undefinedIfGone } from "./is-there.js";

const ServerInfo = z.object({
  /** Of the HTTP API. */
  url: z.url(),
  pid: z.int(),
  /** Of the gateway, when one runs with it: `mqtts://host:port`. */
  mqtt: z.string().optional(),
});
export type ServerInfo = z.infer<typeof ServerInfo>;

const pathIn = (folder: string) => join(folder, "server.json");

export function writeServerFile(folder: string, info: ServerInfo): Promise<void> {
  return writeFileAtomic(pathIn(folder), utf8(`${JSON.stringify(info)}\n`), FILE_MODE);
}

export async function removeServerFile(folder: string): Promise<void> {
  await rm(pathIn(folder), { force: true });
}

/**
 * Undefined when no server runs there, or none that can be understood.
 * @throws FleetError "denied" for who may not know, "storage-failed".
 */
export async function readServerFile(folder: string): Promise<ServerInfo | undefined> {
  const path = pathIn(folder);
  const text = await undefinedIfGone(path, readFile(path, "utf8"));
  if (text === undefined) return undefined;
  try {
    return ServerInfo.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
