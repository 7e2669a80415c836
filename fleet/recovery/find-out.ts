/** Looks how far a log goes with the longest copy of it, and what it has recorded beyond, before and since it was put back. */
import type { Crypto } from "../../protocol/crypto.js";
import type { Trust } from "../../protocol/authority.js";
import { FleetError } from "../errors.js";
import type { FenceProof, FleetEvent } from "../events.js";
import type { Position } from "../ports.js";
import { type History, type LogState, NO_HASH, stateOf } from "./closed-log.js";
import { type Longest, partingOf } from "./histories.js";
import { covers, type Found } from "./plan.js";

export interface Looked {
  readonly found: Found;
  /** The Authority of the log once it is whole. */
  readonly newest: Trust | undefined;
  /**
   * Names by id: all that any history names, or a proof, but for those left out before. Each may have acknowledged
   * what no other copy has.
   */
  readonly workers: ReadonlyMap<string, string>;
  /** Ids of workers that were left out before: their copies count no more. */
  readonly leftOut: ReadonlySet<string>;
  /** An earlier run has mended the log, and was stopped before it had taken its marks away. */
  readonly isSettled: boolean;
}

/** What earlier runs, stopped since, have left. */
export interface Left {
  /** What they put aside of this log: it counts as if it still stood there. */
  readonly asides: readonly History[];
  /** The log is marked as one that is being filled; undefined: it is not. */
  readonly mark: LeftMark | undefined;
  /** Id of the worker in whose folder the asides are, where it has one. */
  readonly own?: string;
}

interface LeftMark {
  /** Where the log ends once it is mended. */
  readonly until: Position;
  /** Ids of the workers in whose folders there are asides of this log. */
  readonly asides: readonly string[];
}

/** What is wanted. */
export interface Wanted {
  readonly newTerms: boolean;
  /** Ids of workers whose copies are left out. */
  readonly lost: readonly string[];
}

/** What a history says that a copy does not. */
interface Own {
  /** Records at the beginning that both have. */
  readonly shared: Position;
  readonly said: ReadonlySet<FleetEvent["type"]>;
  /** Of the fence that stands at its end: several may have seen it. */
  readonly proofs: readonly FenceProof[];
  /** Its last record lifts a fence, and is its own: nobody has started since. */
  readonly isLifted: boolean;
  /** From somewhere on it is what no worker takes. */
  readonly isBroken: boolean;
  readonly workers: ReadonlyMap<string, string>;
  /** Ids that were left out when it was mended. */
  readonly leftOut: ReadonlySet<string>;
}

/** @throws FleetError "conflict" when the copy is of another fleet, or what was put aside is not here. */
export async function findOut(
  log: History,
  left: Left,
  copy: Longest | undefined,
  wanted: Wanted,
  crypto: Crypto,
): Promise<Looked> {
  const { asides, mark } = left;
  const { newTerms, lost } = wanted;
  const { folded, end } = await stateOf(log, crypto);
  const own = await ownOf(log, copy);
  const { shared } = own;
  if (copy && shared === 0 && folded.chain.length > 0)
    throw new FleetError(
      "conflict",
      `${copy.name} is the log of another fleet: check --from, --data, --stream`,
    );
  const isLeft = asides.length > 0 || mark !== undefined;
  // An older mending may end in the same way: the mark says where this one does.
  const isSettled = isLeft && own.isLifted && (mark === undefined || mark.until === end);
  assertAsides(left, wanted, isSettled);
  const told = [own];
  if (!isSettled) for (const aside of asides) told.push(await ownOf(aside, copy));
  const proofs = told.flatMap((one) => one.proofs);
  const whole = copy && (await stateOf(copy.history, crypto));
  const all = [...told, ...(copy ? [await ownOf(copy.history, undefined)] : [])];
  const leftOut = new Set(all.flatMap((one) => [...one.leftOut]));
  const workers = new Map(all.flatMap(namedIn).filter(([id]) => !leftOut.has(id)));
  const uncovered = whole && proofs.find((proof) => !covers(whole.folded.view, whole.end, proof));
  const found: Found = {
    fence: uncovered ?? proofs[0],
    end,
    shared,
    beyond: new Set(told.flatMap(({ said }) => [...said])),
    unproven: lost.filter((id) => !leftOut.has(id) && !isProven(id, proofs)),
    isResumed: isLeft && !isSettled,
    isBroken: own.isBroken,
    hasAll: copy !== undefined && copy.end === shared && hasAll(copy.ends, [...workers.keys()], proofs),
    newTerms,
    ...(copy && { copy: { name: copy.name, end: copy.end, covers: uncovered === undefined } }),
  };
  const longer: Pick<LogState, "folded"> = whole && whole.end > shared ? whole : { folded };
  return { found, newest: longer.folded.chain.at(-1), workers, leftOut, isSettled };
}

/**
 * What a replaced log held counts as if it still stood there, and only one folder has it. The run that put it aside may
 * be at work: its own folder is locked meanwhile, and elsewhere only people know.
 */
function assertAsides({ asides, mark, own }: Left, { newTerms, lost }: Wanted, isSettled: boolean): void {
  const isHere = (id: string) =>
    id === own ? asides.length > 0 || isSettled || newTerms : newTerms && lost.includes(id);
  const missing = mark?.asides.filter((id) => !isHere(id)) ?? [];
  if (missing.length === 0) return;
  throw new FleetError(
    "conflict",
    `daymark recover was begun in the folder of worker ${missing.join(", ")}, and what the log held is put aside there, ` +
      "not here: go on there. If that folder is lost for good, and nothing runs there any more, add " +
      `${missing.map((id) => `--without ${id}`).join(" ")} --new-terms`,
  );
}

function isProven(id: string, proofs: readonly FenceProof[]): boolean {
  return proofs.some((proof) => proof.kind === "copy" && proof.worker === id);
}

/**
 * Whether a log that all these copies are beginnings of has all that was acknowledged: a worker has whatever it
 * acknowledged in its copy, and no copy is missing, or shorter than it was when its worker raised a fence. What
 * devices and documents have shown is no worker's to know.
 * @param ends - of the copies, by worker.
 */
function hasAll(
  ends: ReadonlyMap<string, Position>,
  workers: readonly string[],
  proofs: readonly FenceProof[],
): boolean {
  const isThere = (proof: FenceProof) =>
    proof.kind === "copy" && (ends.get(proof.worker) ?? -1) >= proof.position;
  return proofs.every(isThere) && workers.every((id) => ends.has(id));
}

/** @param copy - undefined: it has nothing of its own. */
async function ownOf(history: History, copy: Longest | undefined): Promise<Own> {
  const parting = copy && (await partingOf(history, copy.history));
  const limit = parting === undefined ? (copy?.end ?? Infinity) : parting - 1;
  let [end, proofs, isLifted]: [Position, FenceProof[], boolean] = [0, [], false];
  let isBroken = false;
  const [said, workers] = [new Set<FleetEvent["type"]>(), new Map<string, string>()];
  const leftOut = new Set<string>();
  for await (const { position, hash, events } of history.read(0)) {
    isBroken ||= hash === NO_HASH;
    isLifted = position > limit && events.some(({ type }) => type === "fence-lifted");
    end = position;
    for (const event of events) {
      if (event.type === "fence-raised") proofs.push(event.proof);
      if (event.type === "worker-joined") workers.set(event.id, event.name);
      if (event.type !== "fence-lifted") continue;
      for (const id of event.without ?? []) leftOut.add(id);
      proofs = [];
    }
    if (position <= limit) continue;
    for (const event of events) if (isOurs(event, proofs.length > 0)) said.add(event.type);
  }
  return { shared: Math.min(end, limit), said, proofs, isLifted, isBroken, workers, leftOut };
}

/**
 * Whether an event says something that is gone when its record is, and that new terms stand above. Not so the
 * certificate of a gateway: no device keeps it, its serial is random, its number only a name, and no term ends it.
 * Behind a fence others have signed what is recorded; but a worker that had not heard of it yet may give leases.
 */
function isOurs(event: FleetEvent, isFenced: boolean): boolean {
  const { type, signed } = event;
  if (event.type === "holder-certified" && event.profile === "gateway") return false;
  if (!isFenced || type === "lease-issued") return true;
  return signed === undefined && type !== "fence-raised" && type !== "receipt-received";
}

function namedIn({ workers, proofs }: Own): (readonly [string, string])[] {
  const shown = proofs.flatMap((proof) => (proof.kind === "copy" ? [proof.worker] : []));
  return [
    ...shown.filter((id) => !workers.has(id)).map((id) => [id, "known by its proof"] as const),
    ...workers,
  ];
}
