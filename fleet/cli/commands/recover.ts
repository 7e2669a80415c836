/** `daymark recover`: mends the log of a server that signs nothing any more. The server does not run meanwhile. */
import { join } from "node:path";
import { buildCommand } from "@stricli/core";
import { nodeCrypto as crypto } from "../../../protocol/adapters/node-crypto.js";
import type { Trust } from "../../../protocol/authority.js";
import { lockFolder } from "../../adapters/folder-lock.js";
import { readToken } from "../../adapters/token-folder.js";
import { readWorkerId } from "../../adapters/worker-file.js";
import { loadFleetKeys, stagedKeys } from "../../adapters/key-folder.js";
import { type NoteKey, parseNoteKey } from "../../audit/note.js";
import { FleetError } from "../../errors.js";
import { signsAlone } from "../../fleet-keys.js";
import { type ClosedLog, recordAt, stateOf } from "../../recovery/closed-log.js";
import { findOut } from "../../recovery/find-out.js";
import { longestOf } from "../../recovery/histories.js";
import type { Mending } from "../../recovery/lift.js";
import { beginNewTerms, linkWithNewTerms } from "../../recovery/new-terms.js";
import { type Plan, planRecovery } from "../../recovery/plan.js";
import { liftAfterRefill, refill } from "../../recovery/refill.js";
import { natsServers } from "../../operations/setting-values.js";
import { ceremonyNow, file, files, switchFlag } from "../ca-flags.js";
import { type CliContext, clientFlags, dataFlag, fleetFolder, jsonFlag } from "../connection.js";
import { wholeNumber } from "../device-number.js";
import { CliError, EXIT } from "../exit.js";
import { readBytes } from "../files.js";
import { printJson, printLine, printRecord } from "../output.js";
import { natsOptions } from "../nats-options.js";
import { assertFleet, hasLog } from "../recover-log.js";
import { inFolder, onStream, type Place } from "../recover-place.js";
import { assertAllCopies, assertNoneLeftOut, openSource, type Source } from "../recover-sources.js";
import { assertGone, ceremonyCommands, jsonOf, planLines } from "../recover-words.js";

interface Flags {
  readonly data?: string;
  readonly from?: readonly string[];
  readonly auditKey?: readonly NoteKey[];
  readonly newTerms: boolean;
  readonly link?: string;
  readonly without?: readonly string[];
  readonly nats?: readonly string[];
  readonly natsCa?: string;
  readonly natsCert?: string;
  readonly natsKey?: string;
  readonly natsCreds?: string;
  readonly stream: string;
  readonly replicas: number;
  readonly acceptLogLoss: boolean;
  readonly reason: string;
  readonly as: string;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export const recover = buildCommand<Flags, [], CliContext>({
  docs: {
    brief: "Mend a log that has lost its end, so that the server signs again",
    fullDescription: [
      "A server whose log was put back from a backup stops signing as soon as a device or a document shows that. Stop",
      "it, and say how it is to be mended: --from with copies of the log (data folders of workers, audit exports)",
      "gives back what was lost. Where there is no copy, --new-terms begins new terms above all that was lost. Bring",
      "what devices carry first, while the server runs: daymark bundle apply.",
      "",
      "An audit export is a copy when it is whole and verifies with the fleet's own audit key, keys/audit.pem. A",
      "folder is taken as it is: only from those who may hold the fleet's keys.",
      "",
      "With --nats the log is a stream that workers share. All of them are stopped, and all copies are needed: the",
      "folder of this worker counts as one, those of the others come with --from. One that is left out with --without",
      "never comes back: with its old folder it does not start. Make that worker anew from a backup of another. Where",
      "all copies show that the stream has lost nothing, the fence is lifted and nothing else is done.",
      "",
      "The plan is printed; nothing is changed without --yes. If it is stopped in the middle, run it again, in the same",
      "folder: until it has come to its end, no worker starts on the stream. Of two that run at once, one is told to",
      "wait. What the server has in its configuration file or its environment has to be said here, --nats above all.",
      "",
      "Example: daymark recover --from /mnt/worker-2 --reason 'disk of worker 1 replaced' --yes",
    ].join("\n"),
  },
  parameters: {
    flags: {
      data: dataFlag,
      from: files("A copy of the log: a data folder, a log folder or an audit export; may be repeated"),
      auditKey: {
        kind: "parsed",
        parse: (text: string) => parseNoteKey(text, crypto),
        optional: true,
        variadic: true,
        placeholder: "key",
        brief: "An audit key that the fleet had before, for exports of that time; may be repeated",
      },
      newTerms: switchFlag("What was lost is lost: begin new terms above it"),
      link: { ...file("The next Authority, where the root keys are elsewhere"), optional: true },
      without: {
        kind: "parsed",
        parse: String,
        optional: true,
        variadic: true,
        placeholder: "id",
        brief: "A worker whose copy is lost for good; may be repeated",
      },
      nats: {
        kind: "parsed",
        parse: (text: string) => natsServers.parse(text),
        optional: true,
        placeholder: "servers",
        brief: "The log is on NATS JetStream, at these servers",
      },
      natsCa: { ...file("CAs of the NATS servers, PEM"), optional: true },
      natsCert: { ...file("Certificate shown to NATS, PEM"), optional: true },
      natsKey: { ...file("Private key to that certificate, PEM"), optional: true },
      natsCreds: { ...file("NATS credentials"), optional: true },
      stream: { kind: "parsed", parse: String, default: "daymark-log", brief: "Its name" },
      replicas: {
        kind: "parsed",
        parse: wholeNumber,
        default: "3",
        brief: "NATS servers that keep a stream that is made anew",
      },
      acceptLogLoss: switchFlag("Take a stream that can lose what it acknowledged"),
      reason: { kind: "parsed", parse: someReason, placeholder: "text", brief: "Why, for the log" },
      as: clientFlags.as,
      yes: switchFlag("Do it"),
      dryRun: switchFlag("Print the plan, and end with 0"),
      json: jsonFlag,
    },
    aliases: { j: "json" },
  },
  async func(flags) {
    const folder = fleetFolder(flags.data, this.process.env);
    await assertFleet(folder);
    await assertOperator(join(folder, "tokens"), flags.as);
    const lock = await lockFolder(folder);
    const sources: Source[] = [];
    let place: Place | undefined;
    try {
      const { nats: servers, natsCa, natsCert, natsKey, natsCreds } = flags;
      const nats = natsOptions({ nats: servers, natsCa, natsCert, natsKey, natsCreds }, "daymark recover");
      place = nats ? await onStream(nats, flags, folder) : inFolder(folder);
      const isCopy = nats !== undefined && (await hasLog(folder));
      const own = isCopy ? [folder] : []; // then the log of the folder is a copy
      const lostHere = nats && !isCopy ? await readWorkerId(folder) : undefined;
      for (const path of [...own, ...(flags.from ?? [])])
        sources.push(await openSource(path, folder, flags.auditKey ?? []));
      await run(place, folder, sources, lostHere, flags, this);
    } finally {
      for (const source of sources) await source.close();
      await place?.close();
      await lock.release();
    }
  },
});

/** @param lostHere - id of the worker whose log was lost from the folder. */
async function run(
  place: Place,
  folder: string,
  sources: readonly Source[],
  lostHere: string | undefined,
  flags: Flags,
  context: CliContext,
): Promise<void> {
  const { stdout, stderr } = context.process;
  const copy = sources.length > 0 ? await longestOf(sources) : undefined;
  const { newTerms, without = [] } = flags;
  const lost = without.filter((id) => !sources.some(({ worker }) => worker === id));
  const gone = await place.gone();
  if (gone && copy) assertGone(gone, (await recordAt(copy.history, 1))?.hash);
  const left = await place.left();
  const { found, newest, workers, leftOut, isSettled } = await place.look((log) =>
    findOut(log, left, copy, { newTerms, lost }, crypto),
  );
  assertNoneLeftOut(sources, leftOut);
  const here = lostHere === undefined || leftOut.has(lostHere) ? [] : [[lostHere, "this one"] as const];
  if (flags.nats) assertAllCopies(sources, new Map([...here, ...workers]), without);
  else if (workers.size > 0) throw isWorkers(folder);
  if (isSettled) return said(flags, stdout, {}, () => settle(place, flags, stderr));
  const plan = planRecovery(found);
  const aside = await place.asideFor(found.shared, found.end);
  const lines = planLines(found, plan, aside, gone);
  if (!flags.json) printRecord(stdout, lines);
  await said(flags, stdout, { ...jsonOf(lines), ...plan }, async () => {
    const about = { without: lost, ...(found.fence && { fence: found.fence }) };
    const lift = await liftOf(folder, plan, newest, about, flags, context);
    if (flags.dryRun) return false;
    if (!flags.yes) throw new CliError(EXIT.conflict, "nothing was changed: read the plan, and say --yes");
    const mend = async (log: ClosedLog) => {
      if (copy && plan.refill !== "nothing") await refill(log, copy.history);
      await lift(log);
    };
    const end = copy && plan.refill !== "nothing" ? copy.end : found.end;
    await place.mend(mend, { aside: plan.refill === "replace" ? aside : undefined, until: end + 1 });
    printLine(stderr, "mended; start the server, and look: daymark audit list --type fence-lifted");
    return true;
  });
}

/** With -j one document, in the end, whatever that is. @param work - returns whether the log is mended now. */
async function said(
  { json }: Flags,
  stdout: NodeJS.WriteStream,
  plan: object,
  work: () => Promise<boolean>,
): Promise<void> {
  let done = false;
  try {
    done = await work();
  } finally {
    if (json) printJson(stdout, { ...plan, done });
  }
}

/** What is left of a run that mended the log, and was stopped before it had taken its marks away. */
async function settle(place: Place, { yes, dryRun }: Flags, stderr: NodeJS.WriteStream): Promise<boolean> {
  printLine(stderr, "the run before has mended the log; only what it marked is still to be settled");
  if (dryRun) return false;
  if (!yes) throw new CliError(EXIT.conflict, "nothing was changed: say --yes");
  await place.settle();
  printLine(stderr, "done; start the server");
  return true;
}

/** Whoever may read the token is that operator: the name goes into the log. @throws CliError "not found" */
async function assertOperator(tokens: string, name: string): Promise<void> {
  try {
    await readToken(join(tokens, name));
  } catch (cause) {
    if (!(cause instanceof FleetError) || cause.code !== "not-found") throw cause;
    const text = `${cause.message}: name with --as whose token is there, or put tokens/ back from the backup`;
    throw new CliError(EXIT.notFound, text, { cause });
  }
}

function isWorkers(folder: string): CliError {
  const text = `${folder} is a worker's: the log is on NATS, and here is a copy; say --nats`;
  return new CliError(EXIT.usage, text);
}

function someReason(text: string): string {
  if (text.trim() === "") throw new RangeError("give a reason: it is part of the record");
  return text;
}

/** What is recorded in the end. @throws CliError "conflict" with the ceremony that is needed first. */
async function liftOf(
  folder: string,
  { lift }: Plan,
  newest: Trust | undefined,
  about: Pick<Mending, "fence" | "without">,
  { data, link: path, reason, as: actor }: Flags,
  { process }: CliContext,
): Promise<(log: ClosedLog) => Promise<void>> {
  const ceremony = ceremonyNow();
  const mending: Mending = { ...about, actor, reason, now: ceremony.now };
  if (lift === "refilled") return async (log) => liftAfterRefill(log, await stateOf(log, crypto), mending);
  const current = await loadFleetKeys(join(folder, "keys"), crypto, ceremony.entropy, true);
  const staged = await stagedKeys(join(folder, "keys"), crypto).read();
  if (!newest) throw new CliError(EXIT.notFound, `there is no fleet in ${folder}`);
  const root = signsAlone("root", current, newest.authority.value) ? current.root : undefined;
  const given = path === undefined ? undefined : await readBytes(path, process);
  const link = given ?? (root && linkWithNewTerms(newest, root, ceremony));
  if (!link) {
    for (const command of ceremonyCommands(data)) printLine(process.stderr, `  ${command}`);
    const text =
      "nothing was changed: the root keys are elsewhere; first do this, signing with each that is needed";
    throw new CliError(EXIT.conflict, text);
  }
  const keys = { current, staged };
  return async (log) =>
    void (await beginNewTerms(log, await stateOf(log, crypto), link, keys, mending, { crypto }));
}
