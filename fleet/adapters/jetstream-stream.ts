/** The stream that holds a log: how it is made, and what can be lost with the settings that one has. */
import {
  DiscardPolicy,
  nanos,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import type { Clock } from "../../protocol/clock.js";
import { FleetError } from "../errors.js";
import { isStreamMissing, REQUEST_MS, untilAnswered } from "./jetstream-answers.js";

export interface StreamWanted {
  /** 1 to 64 letters, digits, `_`, `-`. All subjects below `<stream>.` are its own. */
  readonly stream: string;
  /** Servers that keep it, 1 to 5; counts when it is made. */
  readonly replicas: number;
  /** Settings with which acknowledged records can be lost are taken all the same. */
  readonly acceptLogLoss: boolean;
}

const STREAM_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** Fewer servers lose their one majority, or their one disk, with one of them. */
const SAFE_REPLICAS = 3;
/** How long the stream knows a repeated message again: longer than we repeat one. */
const DUPLICATE_WINDOW_MS = 120_000;
/** The first nats-server that can sync before it answers (`sync_interval: always`). */
const FIRST_WITH_SYNC = [2, 10] as const;
/** Before it a cluster compared where a subject ends before it agreed on an order, not after (nats-server #4320). */
const FIRST_TO_HOLD_APART = [2, 9, 21] as const;

/** @returns undefined when there is none. @throws NatsError */
export async function findStream(nats: NatsConnection, stream: string): Promise<StreamInfo | undefined> {
  const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
  return manager.streams.info(stream).catch((error: unknown) => {
    if (isStreamMissing(error)) return undefined;
    throw error;
  });
}

/**
 * Makes the stream if there is none and `mayMake`, and judges the one that there is.
 * @throws FleetError "bad-request" naming all weak settings, unless they are accepted, or when the stream cannot be
 *   as it is wanted; "unreachable" when JetStream does not answer.
 */
export async function openStream(
  nats: NatsConnection,
  clock: Clock,
  wanted: StreamWanted,
  mayMake: boolean,
): Promise<void> {
  const { stream, replicas, acceptLogLoss } = wanted;
  if (!STREAM_NAME.test(stream)) {
    throw new FleetError("bad-request", "the name of a stream has 1 to 64 letters, digits, _ and -");
  }
  const version = nats.info?.version ?? "";
  const found = await untilAnswered(clock, () => findStream(nats, stream));
  const config = found?.config ?? (mayMake ? streamSettings(stream, replicas) : undefined);
  if (!config) return;
  const [own] = config.subjects;
  if (config.subjects.length !== 1 || own !== `${stream}.>`) {
    const heard = config.subjects.join(", ");
    throw new FleetError("bad-request", `the stream ${stream} is no log: it takes ${heard}; name another`);
  }
  const weaknesses = streamWeaknesses(config, version);
  if (weaknesses.length > 0 && !acceptLogLoss) {
    throw new FleetError(
      "bad-request",
      `the stream ${stream} can lose what it acknowledged: ${weaknesses.join("; ")}. Mend it, or give --accept-log-loss`,
    );
  }
  if (found) return;
  await untilAnswered(clock, async () => {
    const manager = await nats.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
    await manager.streams.add(config); // another worker may have made the same: then it is as good
  });
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
    [
      config.num_replicas > 1 && !isFrom(FIRST_TO_HOLD_APART, serverVersion),
      `nats-server ${serverVersion} lets two writers in at one moment when a stream has replicas (mended in ` +
        `${FIRST_TO_HOLD_APART.join(".")}): two workers fence each other; run one`,
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
