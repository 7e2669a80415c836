/** What a sync is worth: a lease over all that stands, and alarms latched so that only a release clears them. */
import { higherLevel, type HoldLevel } from "../protocol/level.js";
import type { Base64Url, Fact, HeldFact } from "./events.js";
import { accept, deviceSubject, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { directiveFact } from "./registry-certify.js";
import { apply, type DeviceView, directiveVersion, type FleetView, releaseVersion } from "./view.js";
import { NO_VERSION } from "../protocol/version.js";

/** A verified sync request. `key`: the key that signed it. */
export interface SyncFacts {
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
  const device = view.devices.get(sync.number);
  if (!device) return refuse("denied", "the fleet does not know this number");
  const subject = deviceSubject(sync.number);
  if (device.level === "revoked") return accept(subject); // told so, each time it asks; nothing is issued
  const alarms = alarmFacts(device, sync, context);
  const latched = alarms.reduce((before, fact) => withFact(before, fact, context), { view, device });
  const required = requiredOf(latched.device, view, context);
  const { policy, now } = context;
  if (alarms.length === 0 && isRetry(device, sync, required, now)) return accept(subject);
  return accept(subject, ...alarms, {
    type: "lease-issued",
    number: sync.number,
    nonce: sync.nonce,
    goodUntil: now + policy.leaseSeconds,
    nextSyncSeconds: policy.syncEverySeconds,
    required,
    held: sync.held,
    key: sync.key,
    time: sync.time,
  });
}

/** The same question while nothing has changed gets the lease it already got, as long as that is good. */
function isRetry({ lease }: DeviceView, sync: SyncFacts, required: HeldFact, now: number): boolean {
  if (lease?.nonce !== sync.nonce || lease.goodUntil < now) return false;
  return JSON.stringify(lease.required) === JSON.stringify(required);
}

/** The vector that a lease demands: all that the fleet has decided about this device until now. */
function requiredOf(device: DeviceView, view: FleetView, context: Pick<Context, "authority">): HeldFact {
  return {
    authority: context.authority,
    ledger: view.beacon?.version ?? NO_VERSION,
    directive: directiveVersion(device),
    release: releaseVersion(device),
    level: device.level,
  };
}

function alarmFacts(device: DeviceView, sync: SyncFacts, context: Context): readonly Fact[] {
  const fresh = sync.alarms.filter((alarm) => alarm.id > device.lastAlarmId);
  if (fresh.length === 0) return [];
  const level = fresh.reduce<HoldLevel>(
    (l, { kind }) => higherLevel(l, ALARM_LEVELS[kind] ?? OTHER_ALARM_LEVEL),
    "none",
  );
  const kinds = [...new Set(fresh.map(({ kind }) => kind))].join(", "); // each once: a reason is short
  return [
    ...fresh.map(({ id, kind }) => ({ type: "alarm-reported", number: sync.number, id, kind }) as const),
    directiveFact(device, level, `alarm: ${kinds}`, context.terms.directive),
  ];
}

/** The device as it will stand once `fact` is in the log, for what the same decision says further on. */
function withFact(before: { view: FleetView; device: DeviceView }, fact: Fact, { now }: Context) {
  const alone = {
    ...before.view,
    devices: new Map([[before.device.number, before.device]]),
    denied: new Set<number>(),
  };
  const view = apply(alone, { ...fact, at: now, actor: "fleet" });
  return { view, device: view.devices.get(before.device.number) ?? before.device };
}

export function decideReceipt(view: FleetView, receipt: ReceiptRequest): Decision {
  const device = view.devices.get(receipt.number);
  if (!device) return refuse("denied", "the fleet does not know this number");
  const { number, counter, held } = receipt;
  const subject = deviceSubject(number);
  if (counter <= device.receiptCounter) return accept(subject); // seen already
  return accept(subject, { type: "receipt-received", number, counter, held });
}
