/**
 * The edge for a change of owner: a birth grant by the next owner counts only with the link of the voucher
 * after the one that is held, signed by the present owner. So nobody takes a device that was not given, and
 * no older grant counts again (P3). Pure.
 */
import type { Trust } from "../protocol/authority.js";
import { BirthGrant } from "../protocol/birth.js";
import { equalBytes } from "../protocol/bytes.js";
import type { Crypto } from "../protocol/crypto.js";
import type { Opened } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame } from "../protocol/frame.js";
import type { Level } from "../protocol/level.js";
import { openOwner, openTransfer } from "../protocol/ownership.js";
import type { Voucher } from "../protocol/voucher.js";
import { authoritiesIn, numberIn, type Self } from "./papers.js";
import type { Former } from "./record.js";

/** What a device holds that a change of owner has to fit. */
export interface Owned extends Self {
  /** The newest link. */
  readonly voucher: Opened<Voucher>;
  readonly standing: Level;
  readonly former: readonly Former[];
}

/** The next owner, proven. */
export interface NextOwner {
  /** By its newest Authority that came along. */
  readonly trust: Trust;
  /** Of this device in that fleet. */
  readonly number: number;
  readonly link: Opened<Voucher>;
  readonly grant: BirthGrant;
}

/** @param giver - the present owner, by its newest Authority that is held. @throws ProtocolError */
export function openGrant(bytes: Uint8Array, owned: Owned, giver: Trust, crypto: Crypto): NextOwner {
  const grant = decodeFrame(BirthGrant, bytes);
  const link = openTransfer(grant.voucher, owned.voucher, giver, crypto);
  const first = openOwner(grant.authority, link, crypto);
  const { newest: trust } = authoritiesIn(grant, first, crypto);
  if (equalBytes(trust.fleetId, giver.fleetId))
    throw new ProtocolError("out-of-range", "this fleet owns the device already");
  const number = numberIn(grant, link.value, owned, trust, crypto);
  if (number === undefined) throw new ProtocolError("wrong-key", "the papers are for another device");
  if (owned.standing === "revoked" || link.value.level === "revoked")
    throw new ProtocolError("out-of-range", "a device that is revoked for good changes no owner");
  const past = owned.former.find(({ fleetId }) => equalBytes(fleetId, trust.fleetId));
  if (past?.numbers.includes(number))
    throw new ProtocolError(
      "out-of-range",
      `number ${number} is given a second time: its old documents would count`,
    );
  return { trust, number, link, grant };
}
