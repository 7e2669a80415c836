/**
 * Acts about who may ask for a lease and an LDevID: to vouch for a device that two seem to be, to let one come
 * back, to let one replace its keys. They touch no standing, and no document states them.
 */
import { isValidPublicKey } from "../protocol/keys.js";
import { type Act, type Fact, fromBase64Url } from "./events.js";
import type { Context } from "./registry.js";
import type { DeviceView, FleetView } from "./view.js";

type AccessAct = Extract<Act, { readonly kind: "vouch" | "readmit" | "ticket" }>;

export function isAccess(act: Act): act is AccessAct {
  return act.kind === "vouch" || act.kind === "readmit" || act.kind === "ticket";
}

/** Why this cannot be decided now, of any of its devices. */
export function problemWithAccess(view: FleetView, act: AccessAct): string | undefined {
  const devices = act.numbers.flatMap((number) => view.devices.get(number) ?? []);
  const given = devices.find(({ transferred }) => transferred !== undefined);
  if (given) return `device ${given.number} was given away; nothing was changed`;
  const other = devices.find((device) => !isMeant(device, act));
  if (!other) return undefined;
  return act.kind === "vouch"
    ? `nobody suspects a second holder of the keys of device ${other.number}; nothing was changed`
    : `device ${other.number} does not ask to come back; nothing was changed`;
}

/** The public half of a ticket. The other one signs what its holder asks for. */
export function isTicketKey(key: string): boolean {
  return isValidPublicKey({ algorithm: "Ed25519", bytes: fromBase64Url(key) });
}

/** What carries it out on one device. */
export function accessFact({ number }: DeviceView, act: AccessAct, id: string, context: Context): Fact {
  switch (act.kind) {
    case "vouch":
      return { type: "device-vouched", number, act: id };
    case "readmit":
      return { type: "return-approved", number, act: id };
    case "ticket": {
      const expiresAt = context.now + context.policy.ticketSeconds;
      return { type: "ticket-issued", number, key: act.key, expiresAt, act: id };
    }
  }
}

function isMeant({ suspectedAt, comingBack }: DeviceView, { kind }: AccessAct): boolean {
  switch (kind) {
    case "vouch":
      return suspectedAt !== undefined;
    case "readmit":
      return comingBack === "asked";
    case "ticket":
      return true;
  }
}
