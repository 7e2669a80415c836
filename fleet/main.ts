/** A fleet in a folder: its log, keys and tokens, wired to the service; and the API that serves it. */
import { join } from "node:path";
import type { Clock } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { loadAuditKey } from "./adapters/audit-key.js";
import { lockFolder } from "./adapters/folder-lock.js";
import { beginFounding, endFounding, hasLostLog, readFounding } from "./adapters/founding-file.js";
import { loadFleetKeys, stagedKeys } from "./adapters/key-folder.js";
import { linkPath, type LinkServer, serveLink } from "./adapters/link-server.js";
import { LmdbEventLog } from "./adapters/lmdb-event-log.js";
import { removeServerFile, writeServerFile } from "./adapters/server-file.js";
import { openTokens } from "./adapters/token-folder.js";
import { keepTokenSecret, readTokenSecret } from "./adapters/token-secret.js";
import { keepJoined, workerOf } from "./adapters/worker-file.js";
import { type ApiOptions, createApi } from "./api/app.js";
import type { Auditing } from "./api/audit.js";
import type { Tokens } from "./api/auth.js";
import { serveHttp } from "./api/serve.js";
import { originOf } from "./audit/checkpoint.js";
import { CheckpointKeeper } from "./audit/checkpoints.js";
import { FleetError } from "./errors.js";
import { leftOut } from "./fence.js";
import { frontDoor } from "./front-door.js";
import type { FleetLink } from "./link.js";
import { linkSource } from "./link-feed.js";
import { DEFAULT_POLICY, type FleetPolicy } from "./policy.js";
import type { EventLog } from "./ports.js";
import { hasRecords } from "./recovery/closed-log.js";
import { FleetService } from "./service.js";
import { TOKEN_SECRET_BYTES } from "./sync-tokens.js";
import type { FleetView } from "./view.js";

export interface OpenFleetOptions {
  /**
   * Holds `log`, `keys`, `tokens`, `lock`, a worker's `worker.json` and, while it is served, `server.json` and
   * `link.sock`; until the log has the fleet `founding.begun`, and `founding.bundle` where it was founded elsewhere.
   */
  readonly folder: string;
  /** For people, 1 to 40 bytes; used when the fleet is founded. */
  readonly name?: string;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly policy?: FleetPolicy;
  /** The log that this worker shares with others; absent: the one in the folder is the only one. */
  readonly shared?: SharedLog;
  /** The log as the service shall see it: measured, for instance. */
  readonly overLog?: ((log: EventLog) => EventLog) | undefined;
  /** Told what went wrong with a checkpoint; it is tried again. */
  readonly report?: (error: unknown) => void;
}

/** One log, many workers; each keeps a copy in its folder. */
export interface SharedLog {
  /** Of this worker, for people: the name of its machine, say. */
  readonly worker: string;
  /**
   * @param id - of the worker that keeps this copy.
   * @param mayMake - false: the keys of a fleet are here without its log, and the log that is not there was lost.
   */
  open(copy: EventLog, id: string, mayMake: boolean): Promise<EventLog>;
}

export interface Fleet {
  readonly folder: string;
  readonly service: FleetService;
  /** For a gateway in the same process. */
  readonly link: FleetLink;
  readonly tokens: Tokens;
  readonly audit: Auditing;
  /** Resolves, if ever, with why nothing more can be decided here: the log failed, or is not the one that it was. */
  readonly failure: Promise<FleetError>;
  close(): Promise<void>;
}

/**
 * Opens the fleet in a folder; founds one in an empty folder.
 * @throws FleetError "conflict" when another server has it open; "storage-failed", "denied" and "bad-request"
 *   when what is in the folder cannot be used as it is.
 */
export async function openFleet(options: OpenFleetOptions): Promise<Fleet> {
  const { folder, name = "daymark", policy = DEFAULT_POLICY, clock, crypto, entropy, shared } = options;
  const { overLog = (inner: EventLog) => inner, report = () => undefined } = options;
  const lock = await lockFolder(folder);
  let log: EventLog | undefined;
  let keeper: CheckpointKeeper | undefined;
  try {
    log = LmdbEventLog.open(join(folder, "log"));
    const worker = shared && (await workerOf(folder, entropy));
    if (worker) {
      const isEmpty = !(await hasRecords(log));
      if (isEmpty && worker.hasJoined) throw lostCopy(folder, worker.id);
      log = await shared.open(log, worker.id, !(isEmpty && (await hasLostLog(folder))));
    }
    const keyFolder = join(folder, "keys");
    const founding = await readFounding(folder);
    const founded = founding !== undefined || (await hasRecords(log));
    if (!founded) await beginFounding(folder);
    const keys = await loadFleetKeys(keyFolder, crypto, entropy, founded);
    const staged = stagedKeys(keyFolder, crypto);
    const tokens = await openTokens(join(folder, "tokens"), crypto, entropy);
    const kept = await readTokenSecret(keyFolder);
    if (!kept && worker && founded) throw lacksSecret(keyFolder);
    const tokenSecret = kept ?? entropy(TOKEN_SECRET_BYTES);
    if (!founded) {
      // Before the fleet is in a log that others share: whoever starts again has them.
      if (!kept) await keepTokenSecret(keyFolder, tokenSecret, false);
      await loadAuditKey(keyFolder, crypto, entropy, false);
    }
    const parts = {
      log: overLog(log),
      keys,
      staged,
      founding,
      tokenSecret,
      crypto,
      entropy,
      clock,
      policy,
      name,
      accept: (view: FleetView) => {
        if (!shared && view.workers.size > 0) throw isCopy(folder);
        if (worker && view.leftOut.has(worker.id)) throw leftOut(worker.id);
      },
    };
    const service = await FleetService.open(parts);
    if (!kept && founded) await keepTokenSecret(keyFolder, tokenSecret, hasShownTokens(service.view));
    await endFounding(folder);
    keeper = await CheckpointKeeper.of(parts.log, crypto);
    const isInUse = keeper.newest !== undefined || (worker !== undefined && founded); // workers share one
    const key = await loadAuditKey(keyFolder, crypto, entropy, isInUse);
    if (worker && !service.stopped) {
      await keepJoined(folder, worker);
      await joinAs(service, { id: worker.id, name: shared.worker }); // from now on its copy is asked for
    }
    const audit = { keeper, signer: { name: originOf(service.trust.fleetId), key } };
    const failure = Promise.race([service.failure, beginCheckpoints(service, audit, report)]);
    const close = async () => {
      audit.keeper.close();
      await service.close();
      await lock.release();
    };
    return { folder, service, link: frontDoor(service), tokens, audit, failure, close };
  } catch (error) {
    keeper?.close();
    await log?.close();
    await lock.release();
    throw error;
  }
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
  const { service, tokens, audit } = fleet;
  const http = await serveHttp(createApi(service, tokens, { audit, ...options }), host, port);
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

/** @returns what resolves when the log turns out to be another than the one that was signed. */
function beginCheckpoints(
  service: FleetService,
  { keeper, signer }: Auditing,
  report: (error: unknown) => void,
): Promise<FleetError> {
  const { clock } = service.options;
  return new Promise((resolve) => {
    keeper.start({
      signer,
      clock,
      record: (factFrom) => service.record("fleet", factFrom),
      report(error) {
        if (error instanceof FleetError && error.code === "storage-failed") resolve(error);
        else report(error);
      },
    });
  });
}

/** In the log, so that whoever mends it knows of every copy. */
async function joinAs(
  service: FleetService,
  worker: { readonly id: string; readonly name: string },
): Promise<void> {
  if (service.view.workers.has(worker.id)) return;
  await service.record(`worker/${worker.id}`, () => ({ type: "worker-joined", ...worker }));
}

/** Where the stream has lost its end too, it would sign on over what only it had acknowledged. */
function lostCopy(folder: string, id: string): FleetError {
  return new FleetError(
    "storage-failed",
    `worker ${id} has lost its copy of the log, and may have been the only one with its newest records: where the ` +
      `log is fenced, or its stream gone, mend that first (daymark recover); then move ${folder} away, and make the ` +
      "worker anew from a backup of another (daymark backup restore)",
  );
}

/** What is decided on a copy alone, the log that the workers share does not have. */
function isCopy(folder: string): FleetError {
  return new FleetError(
    "conflict",
    `${folder} holds a worker's copy of a log on NATS: start it with --nats, as it ran before`,
  );
}

/** With one of its own, it would take every device that synced elsewhere for two. */
function lacksSecret(keyFolder: string): FleetError {
  return new FleetError(
    "conflict",
    `${keyFolder} lacks token.secret, which all workers of a fleet share: restore a backup of the first one here`,
  );
}

/** Some device has shown a sync token: the secret that sealed it is in use. */
export function hasShownTokens({ devices }: FleetView): boolean {
  return [...devices.values()].some(({ tokens }) => tokens.shown > 0);
}
