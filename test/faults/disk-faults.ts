/**
 * A disk that fails: the nth write or sync of a writer that runs is refused by strace. It must refuse then, and say
 * nothing any more that is not so; a start after it finds all that was acknowledged.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Kind, type LogWriter, openWriter } from "./log-store.js";
import { logIn, storedRecords } from "./log-records.js";
import { CALLS, type Errno, type Fault, Strace } from "./strace.js";

/** A writer that says nothing for so long hangs. */
export const HANGS_MS = 20_000;
/** One thread writes, so that "the nth" means the same in each run. */
export const ONE_THREAD = { UV_THREADPOOL_SIZE: "1" };

export interface Faulted {
  readonly fault: string;
  readonly acknowledged: number;
  readonly complaints: readonly string[];
}

/** Each kind of call and error, for each n up to `most`, once alone and once with all that follow. */
export function* allFaults(most: number): Generator<Fault> {
  for (const call of CALLS)
    for (const error of ["EIO", "ENOSPC"] satisfies Errno[])
      for (let nth = 1; nth <= most; nth++)
        for (const lasting of [false, true]) yield { call, error, nth, lasting };
}

/** An event log by itself, in a folder of its own; of one on JetStream the copy. */
export async function faultedLog(fault: Fault, ...kind: Kind): Promise<Faulted> {
  const folder = await mkdtemp(join(tmpdir(), "daymark-faults-"));
  try {
    const writer = await openWriter(kind, folder, ONE_THREAD);
    const complaints = await refuses(writer, folder, fault);
    const stored = await storedRecords(logIn(folder));
    const lost = [...writer.acknowledged].filter((line) => !stored.has(line));
    if (lost.length > 0) complaints.push(`${lost.length} lost, such as ${lost[0]}`);
    return { fault: inWords(fault), acknowledged: writer.acknowledged.size, complaints };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @returns what it did that it must not. */
async function refuses(writer: LogWriter, folder: string, fault: Fault): Promise<string[]> {
  const complaints: string[] = [];
  const strace = await Strace.attach(
    writer.victim.pid,
    join(logIn(folder), "data.mdb"),
    fault,
    join(folder, "trace"),
  );
  let hangs = false;
  const patience = setTimeout(() => {
    hangs = true;
    void writer.kill();
  }, HANGS_MS);
  writer.begin();
  const { exitCode, signal } = await writer.victim.ended;
  clearTimeout(patience);
  if ((await strace.end()) === 0) complaints.push("nothing was injected");
  if (hangs) complaints.push(`it hangs; it had said: ${writer.remarks.join("; ")}`);
  else if (exitCode === 0) {
    const [, ...remarks] = writer.remarks;
    const wanted = ["failed: storage-failed", "later: storage-failed"];
    if (remarks.join() !== wanted.join()) complaints.push(`it said: ${remarks.join("; ")}`);
  } else complaints.push(`it ended by itself, ${exitCode ?? signal}: ${writer.victim.stderr}`);
  return complaints;
}

export function inWords({ call, error, nth, lasting }: Fault): string {
  return `${error} at ${call} ${nth}${lasting ? " and all after it" : ""}`;
}
