/**
 * What must not have changed for a decision to count. A device's contact (a lease, a receipt) stands and falls with
 * that device alone, so contacts of many devices go into the log side by side, from any number of writers. All else
 * may rest on anything in the view, and the log orders it as if there were one writer.
 */
import type { Fact } from "./events.js";
import type { Subject } from "./ports.js";

/** Of every decision that is not one device's contact. */
export const FLEET_SUBJECT: Subject = "fleet";

/** @param facts - of one decision, at least one. */
export function subjectOf(facts: readonly Fact[]): Subject {
  const [first] = facts;
  const isContact = first?.type === "lease-issued" || first?.type === "receipt-received";
  return isContact && facts.length === 1 ? `device/${first.number}` : FLEET_SUBJECT;
}
