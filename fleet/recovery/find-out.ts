/** Looks how far a log goes with the longest copy of it, and what it has recorded beyond, before and since it was put back. */
import type { Crypto } from "../../protocol/crypto.js";
import type { Trust } from "../../protocol/authority.js";
import { FleetError } from "../errors.js";
import type { FenceProof, FleetEvent } from "../events.js";
import type { Position } from "../ports.js";
import { type History, type LogState, stateOf } from "./closed-log.js";
import { type NamedHistory, partingOf } from "./histories.js";
import { covers, type Found } from "./plan.js";

export interface Looked {
  readonly found: Found;
  /** The Authority of the log once it is whole. */
  readonly newest: Trust | undefined;
  /** Names by id: all that any history names, or a proof. Each may have acknowledged what no other copy has. */
  readonly workers: ReadonlyMap<string, string>;
  /** The earlier run that put histories aside came to its end. */
  readonly isSettled: boolean;
}

/** What is wanted. */
export interface Wanted {
  readonly newTerms: boolean;
  /** Ids of workers whose copies are left out. */
  readonly lost: readonly string[];
}

type Copy = NamedHistory & { readonly end: Position };

/** What a history says that a copy does not. */
interface Own {
  /** Records at the beginning that both have. */
  readonly shared: Position;
  readonly said: ReadonlySet<FleetEvent["type"]>;
  /** Of the fence that stands at its end: several may have seen it. */
  readonly proofs: readonly FenceProof[];
  /** A fence was lifted in what it has of its own. */
  readonly isLifted: boolean;
  readonly workers: ReadonlyMap<string, string>;
}

/**
 * @param asides - what earlier runs, stopped since, have put aside of this log: it counts as if it still stood there.
 * @throws FleetError "conflict" when the copy is of another fleet.
 */
export async function findOut(
  log: History,
  asides: readonly History[],
  copy: Copy | undefined,
  { newTerms, lost }: Wanted,
  crypto: Crypto,
): Promise<Looked> {
  const { folded, end } = await stateOf(log, crypto);
  const own = await ownOf(log, copy);
  const { shared } = own;
  if (copy && shared === 0 && folded.chain.length > 0)
    throw new FleetError("conflict", `${copy.name} is the log of another fleet`);
  const isSettled = asides.length > 0 && own.isLifted;
  const all = [own];
  if (!isSettled) for (const aside of asides) all.push(await ownOf(aside, copy));
  const proofs = all.flatMap((one) => one.proofs);
  const whole = copy && (await stateOf(copy.history, crypto));
  const uncovered = whole && proofs.find((proof) => !covers(whole.folded.view, whole.end, proof));
  const found: Found = {
    fence: uncovered ?? proofs[0],
    end,
    shared,
    beyond: new Set(all.flatMap(({ said }) => [...said])),
    unproven: lost.filter((id) => !proofs.some((proof) => proof.kind === "copy" && proof.worker === id)),
    isResumed: asides.length > 0 && !isSettled,
    newTerms,
    ...(copy && { copy: { name: copy.name, end: copy.end, covers: uncovered === undefined } }),
  };
  const longer: Pick<LogState, "folded"> = whole && whole.end > shared ? whole : { folded };
  const workers = new Map([...all, ...(copy ? [await ownOf(copy.history, undefined)] : [])].flatMap(namedIn));
  return { found, newest: longer.folded.chain.at(-1), workers, isSettled };
}

/** @param copy - undefined: it has nothing of its own. */
async function ownOf(history: History, copy: Copy | undefined): Promise<Own> {
  const parting = copy && (await partingOf(history, copy.history));
  const limit = parting === undefined ? (copy?.end ?? Infinity) : parting - 1;
  let [end, proofs, isLifted]: [Position, FenceProof[], boolean] = [0, [], false];
  const [said, workers] = [new Set<FleetEvent["type"]>(), new Map<string, string>()];
  for await (const { position, events } of history.read(0)) {
    end = position;
    for (const event of events) {
      if (event.type === "fence-raised") proofs.push(event.proof);
      if (event.type === "worker-joined") workers.set(event.id, event.name);
      if (event.type !== "fence-lifted") continue;
      proofs = [];
      isLifted ||= position > limit;
    }
    if (position <= limit) continue;
    for (const event of events) if (isOurs(event, proofs.length > 0)) said.add(event.type);
  }
  return { shared: Math.min(end, limit), said, proofs, isLifted, workers };
}

/** Behind a fence others have signed what is recorded; but a worker that had not heard of it yet may give leases. */
function isOurs({ type, signed }: FleetEvent, isFenced: boolean): boolean {
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
