/**
 * New keys for a device that lost its own, or whose keys somebody else has too: by a ticket that an operator
 * gave for it. Whatever was issued to it before counts no more; its standing stays (P7).
 */
import { directiveFact } from "./device-documents.js";
import type { Base64Url, Fact } from "./events.js";
import type { Refusal } from "./refusal.js";
import type { Context } from "./registry.js";
import type { CertifyRequest } from "./registry-certify.js";
import type { DeviceView } from "./view.js";

/** What the holder of keys that were replaced is told. */
export const SUPERSEDED = "these keys were replaced: with a ticket the device can get new ones";

/**
 * A key that a re-enrollment replaced: it proves who asks, and nothing follows from it.
 * @param key - base64url.
 */
export function isSuperseded({ superseded = [] }: DeviceView, key: Base64Url): boolean {
  return superseded.some(({ bytes }) => bytes === key);
}

/**
 * What changes with the keys, before the certificate for the new one; or why nothing does.
 * @param device - not revoked, not given away, and not quarantined.
 */
export function newKeys(
  device: DeviceView,
  { newKey, ticket: shown }: CertifyRequest,
  { now, terms }: Context,
): Refusal | { readonly generation: number; readonly facts: readonly Fact[] } {
  const { number, ticket } = device;
  if (!ticket || ticket.key !== shown) return badTicket("is unknown, or was used");
  if (now > ticket.expiresAt) return badTicket("ran out");
  // Whoever has a key of before would have the new one too.
  const known = [device.key, ...device.certificates.map(({ key }) => key)];
  if (known.some(({ bytes }) => bytes === newKey.bytes))
    return { code: "denied", text: "this key was in use before: make a new one; the ticket stays good" };
  const generation = device.lowestGeneration + 1;
  const reason = "keys replaced by a re-enrollment";
  const directive = directiveFact(device, "none", terms.directive, { reason, lowestGeneration: generation });
  return {
    generation,
    facts: [{ type: "device-reenrolled", number, key: newKey, act: ticket.act }, directive],
  };
}

function badTicket(why: string): Refusal {
  return { code: "bad-ticket", text: `the ticket ${why}: ask an operator for another one` };
}
