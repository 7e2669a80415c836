/** What a sync is worth: a lease over all that stands, and alarms latched so that only a release clears them. */
import { higherLevel, type HoldLevel, type Level } from "../protocol/level.js";
import { certainLevel } from "./advisories.js";
import { directiveFact } from "./device-documents.js";
import type { Base64Url, Fact, FactOf, HeldFact } from "./events.js";
import { doneSince, mostDone } from "./held.js";
import { accept, acceptFirst, BEHIND_FENCE, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { isSuperseded, SUPERSEDED } from "./registry-reenroll.js";
import { judgeToken, nextToken, provesTwo, type TokenFacts } from "./sync-tokens.js";
import { type DeviceView, type FleetView, inTerm, numbersOfHardware } from "./view.js";

/** A verified sync request. `key`: the key that signed it. */
export interface SyncFacts extends TokenFacts {
  readonly type: "sync";
  readonly number: number;
  readonly nonce: Base64Url;
  readonly key: Base64Url;
  readonly held: HeldFact;
  readonly alarms: readonly { readonly id: number; readonly kind: string }[];
  /** Newest signed fleet time that the device holds, Unix seconds; 0: none yet. */
  readonly time: number;
}

/** A verified receipt. */
export interface ReceiptRequest {
  readonly type: "receipt";
  readonly number: number;
  readonly counter: number;
  readonly held: HeldFact;
}

/** What the fleet makes of an alarm; an unreadable directive may only have asked for `restrict`. */
const ALARM_LEVELS: Readonly<Record<string, HoldLevel>> = { unreadable: "restrict" };
const OTHER_ALARM_LEVEL: HoldLevel = "isolate";

export function decideSync(view: FleetView, sync: SyncFacts, context: Context): Decision {
  const known = view.devices.get(sync.number);
  if (!known) return refuse("denied", "the fleet does not know this number");
  if (isSuperseded(known, sync.key)) return refuse("superseded", SUPERSEDED);
  if (known.level === "revoked") return accept(...revokedAgain(known, context)); // gets no lease
  if (known.transferred) return accept(); // another owner's, which it may not know yet
  const { policy, now } = context;
  const facts = [...alarmFacts(view, known, sync, context), ...renewedFacts(known, sync, context)];
  if (known.suspectedAt !== undefined) return accept(...facts); // neither of the two gets a lease
  const verdict = judgeToken(known.tokens, view.era, sync.token);
  if (verdict === "ahead") return fenceRaised(known, sync);
  if (verdict === "stale") return accept(...facts, ...suspicion(known, view.era, sync));
  if (facts.length > 0) return acceptFirst(...facts); // a lease is about what is in the log
  const required = requiredOf(known, view, context);
  if (isRetry(known, sync, required, now)) return accept();
  return accept({
    type: "lease-issued",
    number: sync.number,
    nonce: sync.nonce,
    goodUntil: now + policy.leaseSeconds,
    nextSyncSeconds: policy.syncEverySeconds,
    required,
    done: mostDone(known.done, doneSince(sync.held, view.countsSince)),
    ...nextToken(known.tokens, sync.token),
    held: sync.held,
    key: sync.key,
    time: sync.time,
  });
}

function suspicion({ number, tokens }: DeviceView, era: number, sync: SyncFacts): readonly Fact[] {
  const { token, probed: newest = 0 } = sync;
  return provesTwo(tokens, era, sync)
    ? [{ type: "clone-suspected", number, shown: token?.n ?? 0, newest }]
    : [];
}

/** Nobody but this fleet seals tokens: its log has lost what it said. */
function fenceRaised({ number, tokens }: DeviceView, { token }: SyncFacts): Decision {
  const proof = { kind: "token", number, shown: token?.n ?? 0, issued: tokens.issued } as const;
  return { accepted: false, refusal: BEHIND_FENCE, noted: [{ type: "fence-raised", proof }] };
}

type Required = FactOf<"lease-issued">["required"];

/** The same question while nothing has changed gets the lease it already got, as long as that is good. */
function isRetry({ lease }: DeviceView, sync: SyncFacts, required: Required, now: number): boolean {
  if (lease?.nonce !== sync.nonce || lease.goodUntil < now) return false;
  return JSON.stringify(lease.required) === JSON.stringify(required);
}

/**
 * The vector that a lease demands: all that the fleet has decided about this device until now, as far as
 * the device can come to it. Documents of an earlier term count for nobody any more.
 */
function requiredOf(device: DeviceView, view: FleetView, { authority, terms }: Context): Required {
  const { list, removal, active } = view.advisories;
  return {
    authority,
    ledger: inTerm(view.beacon?.version, terms.ledger),
    advisories: inTerm(list?.version, terms.advisory),
    removals: inTerm(removal?.version, terms.advisory),
    directive: inTerm(device.directive?.version, terms.directive),
    release: inTerm(device.release?.version, terms.directive),
    level: higherLevel<Level>(device.standing, certainLevel(device, active)),
  };
}

type DeviceFact = FactOf<"alarm-reported" | "directive-issued">;

/** Alarms latch into a directive, for every number of the hardware that raised them (P7). */
function alarmFacts(
  view: FleetView,
  device: DeviceView,
  sync: SyncFacts,
  { terms }: Context,
): readonly DeviceFact[] {
  const fresh = sync.alarms.filter((alarm) => alarm.id > device.lastAlarmId);
  if (fresh.length === 0) return [];
  const level = fresh.reduce<HoldLevel>(
    (l, { kind }) => higherLevel(l, ALARM_LEVELS[kind] ?? OTHER_ALARM_LEVEL),
    "none",
  );
  const kinds = [...new Set(fresh.map(({ kind }) => kind))].join(", "); // each once: a reason is short
  const hardware = numbersOfHardware(view, device.number).flatMap((number) => view.devices.get(number) ?? []);
  const held = hardware.filter((each) => each.level !== "revoked");
  return [
    ...fresh.map(({ id, kind }) => ({ type: "alarm-reported", number: sync.number, id, kind }) as const),
    ...held.map((each) => directiveFact(each, level, terms.directive, { reason: `alarm: ${kinds}` })),
  ];
}

/**
 * After the term of directives was raised, what a directive of an earlier term said is said again: a
 * device that missed it would never come to its level.
 */
function renewedFacts(device: DeviceView, sync: SyncFacts, { terms }: Context): readonly DeviceFact[] {
  const { directive, standing, lowestGeneration, asked } = device;
  const { wipe: _byRelease, ...counts } = asked;
  const isOld = directive !== undefined && directive.version[0] !== terms.directive;
  const fresh = sync.alarms.some((alarm) => alarm.id > device.lastAlarmId); // then there is a new one already
  const says = standing !== "none" || lowestGeneration > 1 || Object.keys(counts).length > 0;
  if (!isOld || fresh || !says || standing === "revoked") return [];
  return [directiveFact(device, "none", terms.directive, { reason: directive.reason })];
}

/** The same for a device that is revoked: told so in the new term, by who can sign it. */
function revokedAgain(
  { number, release, asked }: DeviceView,
  { terms, releaseOnline }: Context,
): readonly Fact[] {
  if (!releaseOnline || !release || release.version[0] === terms.directive) return [];
  const { reason } = release;
  const { wipe = 0 } = asked;
  const version = [terms.directive, 1] as const;
  return [{ type: "release-issued", number, version, level: "revoked", reason, clearedAlarms: [], wipe }];
}

export function decideReceipt(view: FleetView, receipt: ReceiptRequest): Decision {
  const device = view.devices.get(receipt.number);
  if (!device) return refuse("denied", "the fleet does not know this number");
  const { number, counter, held } = receipt;
  if (counter <= device.receiptCounter) return accept(); // seen already
  return accept({ type: "receipt-received", number, counter, held });
}
