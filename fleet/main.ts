/** A fleet in a folder: its log, keys and tokens, wired to the service; and the API that serves it. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { lockFolder } from "./adapters/folder-lock.js";
import { readFounding, removeFounding } from "./adapters/founding-file.js";
import { loadFleetKeys, stagedKeys } from "./adapters/key-folder.js";
import { linkPath, type LinkServer, serveLink } from "./adapters/link-server.js";
import { LmdbEventLog } from "./adapters/lmdb-event-log.js";
import { removeServerFile, writeServerFile } from "./adapters/server-file.js";
import { openTokens } from "./adapters/token-folder.js";
import { keepTokenSecret, readTokenSecret } from "./adapters/token-secret.js";
import { type ApiOptions, createApi } from "./api/app.js";
import type { Tokens } from "./api/auth.js";
import { serveHttp } from "./api/serve.js";
import { FleetError } from "./errors.js";
import type { FleetEvent } from "./events.js";
import { emptyFold, foldEvent } from "./fold.js";
import { frontDoor } from "./front-door.js";
import type { FleetLink } from "./link.js";
import { linkSource } from "./link-feed.js";
import { DEFAULT_POLICY, type FleetPolicy } from "./policy.js";
import type { EventLog } from "./ports.js";
import { FleetService } from "./service.js";
import { TOKEN_SECRET_BYTES } from "./sync-tokens.js";
import type { FleetView } from "./view.js";

export interface OpenFleetOptions {
  /**
   * Holds `log`, `keys`, `tokens`, `lock` and, while it is served, `server.json` and `link.sock`; before the first
   * start `founding.bundle`, where the fleet was founded elsewhere.
   */
  readonly folder: string;
  /** For people, 1 to 40 bytes; used when the fleet is founded. */
  readonly name?: string;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly policy?: FleetPolicy;
}

export interface Fleet {
  readonly folder: string;
  readonly service: FleetService;
  /** For a gateway in the same process. */
  readonly link: FleetLink;
  readonly tokens: Tokens;
  close(): Promise<void>;
}

/**
 * Opens the fleet in a folder; founds one in an empty folder.
 * @throws FleetError "conflict" when another server has it open; "storage-failed", "denied" and "bad-request"
 *   when what is in the folder cannot be used as it is.
 */
export async function openFleet(options: OpenFleetOptions): Promise<Fleet> {
  const { folder, name = "daymark", policy = DEFAULT_POLICY, clock, crypto, entropy } = options;
  const lock = await lockFolder(folder);
  let log: EventLog | undefined;
  try {
    log = LmdbEventLog.open(join(folder, "log"));
    const keyFolder = join(folder, "keys");
    const founding = await readFounding(folder);
    const founded = founding !== undefined || (await hasRecords(log));
    const keys = await loadFleetKeys(keyFolder, crypto, entropy, founded);
    const staged = stagedKeys(keyFolder, crypto);
    const tokens = await openTokens(join(folder, "tokens"), crypto, entropy);
    const kept = await readTokenSecret(keyFolder);
    const tokenSecret = kept ?? entropy(TOKEN_SECRET_BYTES);
    const parts = { log, keys, staged, founding, tokenSecret, crypto, entropy, clock, policy, name };
    const service = await FleetService.open(parts);
    if (!kept) await keepTokenSecret(keyFolder, tokenSecret, hasShownTokens(service.view));
    if (founding) await removeFounding(folder);
    const close = async () => {
      await service.close();
      await lock.release();
    };
    return { folder, service, link: frontDoor(service), tokens, close };
  } catch (error) {
    await log?.close();
    await lock.release();
    throw error;
  }
}

/**
 * The chain of Authorities of the fleet in a folder, proven, oldest first. Reads beside a server that runs.
 * @throws FleetError "not-found" when there is no fleet in it.
 */
export async function readChain(folder: string, crypto: Crypto): Promise<readonly Uint8Array[]> {
  const path = join(folder, "log");
  const isThere = await stat(path).catch(() => undefined);
  if (!isThere) throw new FleetError("not-found", `there is no fleet in ${folder}`);
  const log = LmdbEventLog.open(path);
  try {
    let folded = emptyFold();
    for await (const { events } of log.read(0))
      for (const event of events) if (isAuthority(event)) folded = foldEvent(folded, event, crypto);
    return folded.chain.map(({ authority }) => authority.bytes);
  } finally {
    await log.close();
  }
}

function isAuthority({ type }: FleetEvent): boolean {
  return type === "fleet-created" || type === "authority-issued";
}

export interface ServeApiOptions extends ApiOptions {
  /** A loopback address. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Where the gateway of the same process listens, for `server.json`: `mqtts://host:port`. */
  readonly mqtt?: string;
}

/**
 * Serves the API, and says so in `server.json`, where commands look for it.
 * @throws FleetError "bad-request" for an address that is not loopback, "conflict" for a port in use.
 */
export async function serveApi(
  fleet: Fleet,
  { host = "127.0.0.1", port, mqtt, ...options }: ServeApiOptions,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const http = await serveHttp(createApi(fleet.service, fleet.tokens, options), host, port);
  const info = { url: http.url, pid: process.pid };
  await writeServerFile(fleet.folder, mqtt === undefined ? info : { ...info, mqtt });
  return {
    url: http.url,
    async close() {
      await removeServerFile(fleet.folder);
      await http.close();
    },
  };
}

/**
 * Serves gateways that are processes of their own, on this machine.
 * @param report - what went wrong with one of them, for a person.
 * @throws FleetError "bad-request" when the folder's path is too long for a socket in it, "storage-failed".
 */
export function serveGateways(fleet: Fleet, report: (problem: string) => void): Promise<LinkServer> {
  return serveLink(linkSource(fleet.service, fleet.link), linkPath(fleet.folder), report);
}

function hasShownTokens({ devices }: FleetView): boolean {
  return [...devices.values()].some(({ tokens }) => tokens.shown > 0);
}

async function hasRecords(log: EventLog): Promise<boolean> {
  const first = await log.read(0)[Symbol.asyncIterator]().next();
  return !first.done;
}
