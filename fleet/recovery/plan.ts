/** What there is to do about a log that has lost its end, from what was found; or why that cannot be done so. Pure. */
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";
import { FleetError } from "../errors.js";
import type { FenceProof, FleetEvent } from "../events.js";
import { fenceWords } from "../fence.js";
import type { Position } from "../ports.js";
import type { FleetView } from "../view.js";

/** What was found, and what is wanted. */
export interface Found {
  /** Why the log says nothing more; undefined: nobody has shown that it lost anything. */
  readonly fence: FenceProof | undefined;
  /** Of the log. */
  readonly end: Position;
  /** Records at the beginning that log and copy have in common. */
  readonly shared: Position;
  /** What the log has recorded beyond those, but for what others had signed behind the fence. */
  readonly beyond: ReadonlySet<FleetEvent["type"]>;
  /** The longest; absent: none was given. `covers`: it knows of what raised the fence. */
  readonly copy?: { readonly name: string; readonly end: Position; readonly covers: boolean };
  /** Workers whose copies are left out, and of which nothing shows how far they went. */
  readonly unproven: readonly string[];
  /** An earlier run was stopped, and what it put aside is part of what was found. */
  readonly isResumed: boolean;
  /** Somewhere beyond what is shared the log has what no worker takes: whatever stands from there on, nobody was told. */
  readonly isBroken: boolean;
  /** Every worker's copy was given and the log goes on from each, and only workers have shown that something is wrong. */
  readonly hasAll: boolean;
  readonly newTerms: boolean;
}

export interface Plan {
  /** `append`: the log is a beginning of the copy. `replace`: it went another way since it was put back. */
  readonly refill: "nothing" | "append" | "replace";
  /** Records that the log gets back, and records of its own that are kept beside it from then on. */
  readonly missing: number;
  readonly aside: number;
  readonly lift: "refilled" | "new-terms";
}

/** Nobody outside was told of it. */
const UNSAID: readonly FleetEvent["type"][] = ["worker-joined"];

/** @throws FleetError "conflict" or "bad-request" with what is to be done instead. */
export function planRecovery(found: Found): Plan {
  const { fence, end, shared, beyond, copy, unproven, isResumed, isBroken, newTerms } = found;
  /** Whoever raised the fence saw for a moment another log than this one: it has lost nothing. */
  const isWhole = found.hasAll && fence !== undefined && !isBroken && !isResumed;
  const lift = newTerms ? "new-terms" : "refilled";
  const nothing = { refill: "nothing", missing: 0, aside: 0, lift } as const;
  if (!copy && newTerms && !isBroken) return nothing;
  if (!copy && isBroken)
    throw new FleetError(
      "conflict",
      "the log has what no worker takes, and nothing that comes after it counts: find a copy, and name it with --from",
    );
  if (!copy && fence)
    throw new FleetError(
      "bad-request",
      "say how: --from with copies of the log gives back what was lost; where there are none, --new-terms",
    );
  const isNothing = copy?.end === shared && !newTerms && !isResumed && !isBroken;
  if (!copy || (isNothing && !fence))
    throw new FleetError("conflict", "there is no fence, and nothing to give back: the log is as it was");
  if (isNothing && !isWhole)
    throw new FleetError(
      "conflict",
      `${copy.name} has nothing that the log lacks: ${longerCopy(fence)}, or add --new-terms`,
    );
  if (fence && !newTerms && !copy.covers)
    throw new FleetError(
      "conflict",
      `${copy.name} ends too early: ${fenceWords(fence)}, and it does not know of that either. ` +
        "Find a longer copy, or add --new-terms",
    );
  if (unproven.length > 0 && !newTerms)
    throw new FleetError(
      "conflict",
      `nobody knows how far the copies went that are left out (${unproven.join(", ")}): devices may hold what only ` +
        "those had, so add --new-terms",
    );
  const said = isWhole ? [] : [...beyond].filter((type) => !UNSAID.includes(type));
  if (said.length > 0 && !newTerms)
    throw new FleetError(
      "conflict",
      `since it was put back the log has said things of its own (${said.join(", ")}): devices, or who audits ` +
        "them, may hold that, so add --new-terms",
    );
  const [missing, aside] = [copy.end - shared, end - shared];
  if (missing === 0 && !isBroken) return nothing;
  return { refill: aside === 0 ? "append" : "replace", missing, aside, lift };
}

function longerCopy(fence: FenceProof | undefined): string {
  if (fence?.kind !== "copy") return "find a longer copy";
  return `bring the copy of worker ${fence.worker} as it was, since ${fenceWords(fence)}`;
}

/** True when a history knows of what was shown: whoever raised the fence with it, would not do so again. */
export function covers(view: FleetView, end: Position, proof: FenceProof): boolean {
  switch (proof.kind) {
    case "token":
      return (view.devices.get(proof.number)?.tokens.issued ?? 0) >= proof.shown;
    case "document":
      return compareVersions(newestOf(view, proof), proof.version) >= 0;
    case "copy":
      return end >= proof.position;
  }
}

function newestOf(
  view: FleetView,
  { name, number = 0 }: FenceProof & { readonly kind: "document" },
): Version {
  const { list, removal } = view.advisories;
  const device = view.devices.get(number);
  const newest: Readonly<Record<string, { readonly version: Version } | undefined>> = {
    directive: device?.directive,
    release: device?.release,
    "advisory-list": list,
    "advisory-removal": removal,
    beacon: view.beacon,
  };
  return newest[name]?.version ?? NO_VERSION;
}
