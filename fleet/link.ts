/**
 * The one small interface between a gateway and the fleet. A gateway keeps no state of its own: what a
 * device may do comes from `standing`, what it asks goes to `handle`, and changes arrive by `watch`.
 */
import type { PublicKey } from "../protocol/crypto.js";
import type { Level } from "../protocol/level.js";
import type { Trust } from "../protocol/authority.js";

/** What the fleet has decided about a device, as far as a gateway must know. */
export interface Standing {
  readonly level: Level;
  /** LDevIDs of lower generations no longer count. */
  readonly lowestGeneration: number;
  /** An LDevID was issued to it at some time. */
  readonly enrolled: boolean;
  /** Two seem to hold its keys: it may sync and re-enroll, no more. */
  readonly suspected: boolean;
}

export type FleetChange =
  /** `standing(number)` gives another answer than before. */
  | { readonly type: "standing"; readonly number: number }
  /** A document for one device, which proves itself: hand it over if the device is connected. */
  | { readonly type: "push"; readonly number: number; readonly document: Uint8Array }
  /** A new Beacon, to be retained for everyone; and what leads to its ledger, for who is connected. */
  | { readonly type: "beacon"; readonly document: Uint8Array; readonly parts: readonly Uint8Array[] }
  /** A document for everyone: an advisory list or removal, a link of the chain of Authorities. */
  | { readonly type: "broadcast"; readonly document: Uint8Array }
  /** `trust()` gives another answer than before; comes before the broadcast of the link. */
  | { readonly type: "authority" };

export interface FleetLink {
  trust(): Trust;
  /** Undefined: the fleet does not know this number. Already changed when `watch` reports the change. */
  standing(number: number): Standing | undefined;
  /** The newest Beacon. */
  beacon(): Uint8Array;
  /**
   * One message that a device sent, as received; the fleet opens it. Durable before it resolves (P4).
   * @param number - the number in the certificate of the session that brought it.
   * @returns what to send down, in order. Refusals are messages too: it rejects only when the fleet is out of reach.
   */
  handle(number: number, message: Uint8Array): Promise<readonly Uint8Array[]>;
  /** An `authority-request` frame, at any door; answers with an `authority-reply` frame. */
  authorities(request: Uint8Array): Promise<Uint8Array>;
  /** A `ledger-request` frame; answers with a `ledger-part` frame, or the newest Beacon and the first part to it. */
  ledger(request: Uint8Array): Promise<readonly Uint8Array[]>;
  /** A `time-request` frame from the lobby; answers with a signed `time`. */
  time(request: Uint8Array): Promise<Uint8Array>;
  /**
   * 32 bytes from which all gateways of one service make the keys of their TLS tickets, so that a session
   * that one of them began resumes at another. Only in memory, new with each start of the service.
   */
  ticketSeed(): Uint8Array;
  /** Issues a gateway certificate for a key that the gateway made itself. @returns DER, leaf first. */
  certifyGateway(publicKey: PublicKey, hosts: readonly string[]): Promise<readonly Uint8Array[]>;
  /** @returns a call that ends the watch. */
  watch(listener: (change: FleetChange) => void): () => void;
}
