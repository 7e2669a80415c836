/**
 * What a device carries for others between meetings: directives and releases for other numbers of its
 * fleet, each verified before it is kept, and receipts of devices that it met. In memory and bounded; after
 * a reboot the bag is empty, and what is lost is a chance, since whoever gave it has it still (P2).
 *
 * A receipt proves itself only beside its device's certificate, which nobody sends along, so it is carried
 * unverified. That harms nobody: the fleet verifies each, and as long as it has no good one it says of the
 * device that it cannot know yet.
 */
import { holdersOf, type Trust } from "../protocol/authority.js";
import { parseEnvelope } from "../protocol/cose.js";
import type { Crypto } from "../protocol/crypto.js";
import { Directive } from "../protocol/directive.js";
import { verifyParts } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { Release } from "../protocol/release.js";
import { Receipt } from "../protocol/sync.js";
import { compareVersions, type Version } from "../protocol/version.js";
import { mailCore } from "./mail.js";
import { Shelf } from "./shelf.js";

/** Documents for others, and receipts of others; when there are more, those that came first go. */
const MAX_MAIL = { items: 64, bytes: 32 * 1024 };
const MAX_RECEIPTS = { items: 128, bytes: 32 * 1024 };

export class PeerBag {
  readonly #number: number;
  readonly #crypto: Crypto;
  readonly #mail = new Shelf<Version>(MAX_MAIL);
  /** About each: its counter. */
  readonly #receipts = new Shelf<number>(MAX_RECEIPTS);

  /** @param number - of the device that carries it: nothing of its own is in the bag. */
  constructor(number: number, crypto: Crypto) {
    this.#number = number;
    this.#crypto = crypto;
  }

  /**
   * A directive or release for another device; the newest of each kind and number stays.
   * @throws ProtocolError when it is something else, or does not prove itself under `trust`.
   */
  takeMail(bytes: Uint8Array, trust: Trust): void {
    const core = mailCore(bytes);
    if (!core || core.subject === this.#number)
      throw new ProtocolError("unknown-type", "only a directive or release for another device is carried");
    const { type, subject, version } = core;
    // All of it but the core may be of a later protocol: whom it is for knows what to make of it.
    const { name, signedBy } = type === Directive.type ? Directive : Release;
    verifyParts(parseEnvelope(bytes), holdersOf(signedBy, trust), trust.fleetId, this.#crypto, name);
    // In a term that no Authority names, a stolen key could keep out for good what counts (P3).
    if (version[0] !== trust.authority.value.terms.directive)
      throw new ProtocolError("out-of-range", "its term is not the one that the Authority names");
    const key = `${type}/${subject}`;
    const known = this.#mail.about(key);
    if (!known || compareVersions(version, known) > 0) this.#mail.put(key, bytes, version);
  }

  /**
   * The newest of each device stays; what a device says of itself takes the place of what others carried,
   * or a false one with the highest counter there is would keep the good ones out.
   * @param from - the number that whoever brought it goes by. @throws ProtocolError when it is no receipt.
   */
  takeReceipt(bytes: Uint8Array, from: number): void {
    const { type, payload } = parseEnvelope(bytes);
    if (type !== Receipt.type) throw new ProtocolError("unknown-type", "this is no receipt");
    const { subject, counter } = Receipt.decode(payload);
    if (subject === this.#number) return;
    const key = String(subject);
    const known = this.#receipts.about(key);
    if (known === undefined || counter > known || subject === from) this.#receipts.put(key, bytes, counter);
  }

  /** Envelopes; those that came first are first. */
  mail(): readonly Uint8Array[] {
    return this.#mail.items();
  }

  receipts(): readonly Uint8Array[] {
    return this.#receipts.items();
  }

  /** All of it, for a bundle that is carried to the fleet or to other devices by hand. */
  items(): readonly Uint8Array[] {
    return [...this.mail(), ...this.receipts()];
  }
}
