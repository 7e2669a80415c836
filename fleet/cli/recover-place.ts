/** Where the log is that `daymark recover` mends: in a data folder, or on JetStream. */
import { randomBytes } from "node:crypto";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk } from "../../protocol/adapters/atomic-file.js";
import { connectNats, type NatsOptions } from "../../protocol/adapters/nats-connection.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Entropy } from "../../protocol/crypto.js";
import { ClosedStream, type LogBeside } from "../adapters/jetstream-closed.js";
import { savedRecords } from "../adapters/jetstream-saved.js";
import type { StreamWanted } from "../adapters/jetstream-stream.js";
import { readWorkerId, workerOf } from "../adapters/worker-file.js";
import type { Position } from "../ports.js";
import type { ClosedLog } from "../recovery/closed-log.js";
import type { Left } from "../recovery/find-out.js";
import { notLetIn } from "./nats-options.js";
import { hasLog, lookAtLog, mendLog, replaceLog } from "./recover-log.js";

/** A stream that is not there. */
export interface Gone {
  /** Its name. */
  readonly stream: string;
  /** Logs in other streams of these servers. */
  readonly beside: readonly LogBeside[];
}

interface How {
  /** Keeps the log as it is, which then begins from nothing; undefined: it goes on where it ends. */
  readonly aside: string | undefined;
  /** Where the log ends then. */
  readonly until: Position;
}

export interface Place {
  /** Undefined: it is not gone, or nobody could say that it was another. */
  gone(): Promise<Gone | undefined>;
  look<T>(use: (log: ClosedLog) => Promise<T>): Promise<T>;
  /** @throws FleetError "conflict" when the log is not what was looked at any more. */
  mend(use: (log: ClosedLog) => Promise<void>, how: How): Promise<void>;
  /** @param from - where the log parts from its copy. @returns a path that nothing has. */
  asideFor(from: number, to: number): Promise<string>;
  /** By runs that were stopped since. */
  left(): Promise<Left>;
  /** Those runs are at their end: what they put aside is only kept from now on, and workers take the log. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export function inFolder(folder: string): Place {
  return {
    gone: () => Promise.resolve(undefined),
    look: (use) => lookAtLog(folder, use),
    async mend(use, { aside }) {
      // Half of a lost log would be taken for the whole: nothing is marked here, and no copy contradicts it.
      const isBeside = aside !== undefined || !(await hasLog(folder));
      await (isBeside ? replaceLog(folder, aside, use) : mendLog(folder, use));
    },
    asideFor: (from, to) => Promise.resolve(join(folder, `log.before-${from}-${to}`)),
    left: () => Promise.resolve({ asides: [], mark: undefined }), // one rename does all
    settle: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));
/** At the end of the name of what a stream had, until the new stream is whole and the fence is lifted. */
const UNSETTLED = ".unsettled";

/** @param folder - where what the stream has of its own is kept. */
export async function onStream(
  nats: NatsOptions,
  { stream: name, replicas, acceptLogLoss }: StreamWanted,
  folder: string,
): Promise<Place> {
  const connection = await connectNats(nats).catch(notLetIn);
  const wanted = { stream: name, replicas, acceptLogLoss };
  const stream = new ClosedStream({ nats: connection, clock: systemClock, ...wanted });
  const unsettled = async () => (await readdir(folder)).filter((file) => file.endsWith(UNSETTLED));
  const own = async () => (await workerOf(folder, entropy)).id;
  const settle = async () => {
    for (const file of await unsettled())
      await rename(join(folder, file), join(folder, file.slice(0, -UNSETTLED.length)));
    await nodeDisk.syncFolder(folder);
    await stream.finish(); // last: from here on workers may go on
  };
  return {
    async gone() {
      const beside = await stream.beside();
      return beside && { stream: name, beside };
    },
    look: (use) => use(stream),
    async mend(use, { aside, until }) {
      if (aside !== undefined) await stream.replace(`${aside}${UNSETTLED}`, await own(), until);
      const hasAside = (await unsettled()).length > 0; // also of a run that was stopped before it made the stream
      await stream.make(until, hasAside ? await own() : undefined);
      await use(stream);
      await settle();
    },
    async asideFor(from, to) {
      const files = await readdir(folder);
      for (let n = 1; ; n++) {
        const file = `stream.before-${from}-${to}${n === 1 ? "" : `-${n}`}.jsonl`;
        if (!files.includes(file) && !files.includes(`${file}${UNSETTLED}`)) return join(folder, file);
      }
    },
    async left() {
      const asides = (await unsettled()).map((file) => savedRecords(name, join(folder, file)));
      const id = await readWorkerId(folder);
      return { asides, mark: await stream.mark(), ...(id !== undefined && { own: id }) };
    },
    settle,
    close: () => connection.close(),
  };
}
