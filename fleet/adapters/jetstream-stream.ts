/** The stream that holds a log: how it is made, and what can be lost with the settings that one has. */
import {
  DiscardPolicy,
  ErrorCode,
  nanos,
  type NatsConnection,
  NatsError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import type { Clock } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";
import { isStreamMissing, REQUEST_MS, untilAnswered } from "./jetstream-answers.js";
import { isFilling } from "./jetstream-mark.js";

export interface StreamWanted {
  /** 1 to 64 letters, digits, `_`, `-`. All subjects below `<stream>.` are its own. */
  readonly stream: string;
  /** Servers that keep it, 1 to 5; counts when it is made. */
  readonly replicas: number;
  /** Settings with which acknowledged records can be lost are taken all the same. */
  readonly acceptLogLoss: boolean;
}

/** Who opens a stream: a newcomer, who has no record yet, makes it where there is none; for others it has been lost then. */
export type Opener = "newcomer" | "bereft" | "worker";

/** Streams that are looked at when the one that was named is not there. */
const MAX_OTHERS = 32;
const STREAM_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** Fewer servers lose their one majority, or their one disk, with one of them. */
const SAFE_REPLICAS = 3;
/** How long the stream knows a repeated message again: longer than we repeat one. */
const DUPLICATE_WINDOW_MS = 120_000;
/** The first nats-server that can sync before it answers (`sync_interval: always`). */
const FIRST_WITH_SYNC = [2, 10] as const;

/** @returns undefined when there is none. @throws NatsError */
export async function findStream(nats: NatsConnection, stream: string): Promise<StreamInfo | undefined> {
  const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
  return manager.streams.info(stream).catch((error: unknown) => {
    if (isStreamMissing(error)) return undefined;
    throw error;
  });
}

/**
 * As `findStream`, but not from a server that is cut off from the others: that tells what it had, and names no leader.
 * @throws NatsError also for such an answer.
 */
export async function findLedStream(nats: NatsConnection, stream: string): Promise<StreamInfo | undefined> {
  const found = await findStream(nats, stream);
  if (found?.cluster && !found.cluster.leader)
    throw new NatsError("the stream has no leader", ErrorCode.Timeout);
  return found;
}

/** Names of other streams that take the subjects of a log. @returns none where one may not ask. */
export async function otherStreams(nats: NatsConnection, stream: string): Promise<readonly string[]> {
  try {
    const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
    const page = await manager.streams.list().next();
    const logs = page.filter(({ config }) => heardBy(config).join() === `${config.name}.>`);
    const names = logs.map(({ config }) => config.name).filter((name) => name !== stream);
    return names.slice(0, MAX_OTHERS);
  } catch (error) {
    if (error instanceof NatsError) return [];
    throw error;
  }
}

/**
 * Judges the stream; makes it where there is none, but for a newcomer alone: a worker's copy shows what was lost.
 * @throws FleetError as `assertSettings`; "conflict" for one that is being filled; "unreachable" when JetStream does
 *   not answer; "storage-failed" where there is none for who has neither copy nor the right to make one.
 */
export async function openStream(
  nats: NatsConnection,
  clock: Clock,
  wanted: StreamWanted,
  opener: Opener,
): Promise<void> {
  const { stream, replicas } = wanted;
  assertName(stream); // or it is none of the API
  const found = await untilAnswered(clock, () => findStream(nats, stream));
  if (found) assertSettings(nats, found.config, wanted);
  if (found && isFilling(found)) {
    throw new FleetError(
      "conflict",
      `the stream ${stream} is not whole: daymark recover fills it now, or was stopped; then run daymark recover again`,
    );
  }
  if (found || opener === "worker") return;
  if (opener === "bereft") throw lostWithCopy(stream);
  const settings = streamSettings(stream, replicas);
  assertSettings(nats, settings, wanted);
  await untilAnswered(clock, async () => {
    const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
    await manager.streams.add(settings); // another worker may have made the same: then it is as good
  });
}

/**
 * @param config - of the stream that is there, or is to be made.
 * @throws FleetError "bad-request" naming all weak settings, unless they are accepted, or when the stream cannot be as
 *   it is wanted.
 */
export function assertSettings(
  nats: NatsConnection,
  config: StreamConfig,
  { stream, acceptLogLoss }: StreamWanted,
): void {
  assertName(stream);
  const heard = heardBy(config);
  if (heard.length !== 1 || heard[0] !== `${stream}.>`) {
    const takes = heard.length > 0 ? heard.join(", ") : "what another stream has";
    throw new FleetError("bad-request", `the stream ${stream} is no log: it takes ${takes}; name another`);
  }
  const weaknesses = streamWeaknesses(config, nats.info?.version ?? "");
  if (weaknesses.length === 0 || acceptLogLoss) return;
  throw new FleetError(
    "bad-request",
    `the stream ${stream} can lose what it acknowledged: ${weaknesses.join("; ")}. Mend it, or give --accept-log-loss`,
  );
}

/** A mirror has no subjects, not even an empty list of them. */
function heardBy({ subjects }: { readonly subjects?: readonly string[] }): readonly string[] {
  return subjects ?? [];
}

function lostWithCopy(stream: string): FleetError {
  return new FleetError(
    "storage-failed",
    `there is no stream ${stream}, and here are the keys of a fleet without its log: name the stream (--stream), bring ` +
      "a copy of the log (daymark recover --from), or restore a backup (daymark backup restore)",
  );
}

function assertName(stream: string): void {
  if (STREAM_NAME.test(stream)) return;
  throw new FleetError("bad-request", "the name of a stream has 1 to 64 letters, digits, _ and -");
}

/** File storage, nothing ever deleted, no limits. */
export function streamSettings(stream: string, replicas: number): StreamConfig {
  return {
    name: stream,
    subjects: [`${stream}.>`],
    storage: StorageType.File,
    num_replicas: replicas,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    max_consumers: -1,
    deny_delete: true,
    deny_purge: true,
    allow_rollup_hdrs: false,
    allow_direct: false,
  } as StreamConfig; // the rest are settings of servers newer than the oldest that we run on
}

/** What can be lost, in words, one for each setting; none: nothing. @param serverVersion - such as `2.9.10`. */
export function streamWeaknesses(config: StreamConfig, serverVersion: string): readonly string[] {
  const weak: readonly (readonly [boolean, string])[] = [
    [
      config.num_replicas < SAFE_REPLICAS,
      `replicas ${config.num_replicas}: one lost disk loses the stream (${SAFE_REPLICAS} is safe)`,
    ],
    [config.storage !== StorageType.File, "memory storage: a restart of the servers loses every record"],
    [
      config.retention !== RetentionPolicy.Limits,
      `retention ${config.retention}: records go once they are read`,
    ],
    [config.max_age > 0, "max_age: records go when they are old"],
    [
      config.max_msgs >= 0 || config.max_bytes >= 0,
      config.discard === DiscardPolicy.New
        ? "max_msgs or max_bytes: new records are refused at the limit"
        : "max_msgs or max_bytes: the oldest records go at the limit",
    ],
    [config.max_msgs_per_subject > 0, "max_msgs_per_subject: the oldest records of a device go"],
    [!config.deny_delete, "deny_delete is off: single records can be deleted"],
    [!config.deny_purge, "deny_purge is off: all records can be purged"],
    [config.allow_rollup_hdrs, "allow_rollup_hdrs: one message can take the place of all before it"],
    [config.no_ack === true, "no_ack: nobody is told whether a record was stored"],
    [
      config.duplicate_window < nanos(DUPLICATE_WINDOW_MS),
      `duplicate_window below ${DUPLICATE_WINDOW_MS / 1000} s: a repeated record may not be known again`,
    ],
    [
      config.mirror !== undefined || (config.sources ?? []).length > 0,
      "mirror or sources: records come from another stream",
    ],
    [
      !isFrom(FIRST_WITH_SYNC, serverVersion),
      `nats-server ${serverVersion} cannot sync before it answers (sync_interval: always, from ${FIRST_WITH_SYNC.join(".")}): ` +
        "when power goes on all servers, up to two minutes are left only in the workers' copies",
    ],
  ];
  return weak.filter(([holds]) => holds).map(([, words]) => words);
}

/** Whether a version is `first` or later. */
function isFrom(first: readonly number[], version: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [i, least] of first.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
