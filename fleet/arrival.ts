/**
 * The edge for a device that another owner gives: a hand-over in, an arrival out that proves itself from the
 * first owner to this fleet. Pure.
 *
 * The newest keys of the giver must have signed the last link, and that link holds all before it by hash, and
 * names hardware and key. So what was signed earlier may stand under any Authority of its signer's chain: the
 * keys of that time may have been replaced since.
 */
import { openDocument, type Trust } from "../protocol/authority.js";
import { openFirstAuthority, openNextAuthority, reopenAuthority } from "../protocol/authority-chain.js";
import { type BirthGrant, BirthRecord } from "../protocol/birth.js";
import { equalBytes, toHex } from "../protocol/bytes.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { type Opened, openEnvelope } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { openOwner, openTransfer } from "../protocol/ownership.js";
import { orRefusal } from "../protocol/refusal.js";
import { Voucher } from "../protocol/voucher.js";
import { verifyChain } from "../protocol/x509/verify.js";
import type { Handover } from "./handover.js";

/** A device that is this fleet's from now on. */
export interface Arrival {
  readonly hardwareId: Uint8Array;
  readonly model: string;
  /** Of its IDevID. */
  readonly publicKey: PublicKey;
  /** The link that names this fleet. */
  readonly link: Opened<Voucher>;
  /** Fleet ids. */
  readonly maker: Uint8Array;
  readonly giver: Uint8Array;
  /** Chains of the other owners as far as they are known now: envelopes, from version 1 on, by fleet id. */
  readonly chains: readonly OwnerChain[];
}

interface OwnerChain {
  /** 16 bytes. */
  readonly fleetId: Uint8Array;
  readonly links: readonly Uint8Array[];
}

export interface ArrivalContext {
  /** The fleets that the operator trusts: who gives and, where that is another one, who made it. Fleet ids. */
  readonly from: Uint8Array;
  readonly maker?: Uint8Array;
  /** Version 1 of this fleet's own Authority. */
  readonly founding: Uint8Array;
  /** The Authorities of a fleet that were verified before; this fleet's own among them. */
  readonly known: (fleetId: Uint8Array) => readonly Uint8Array[];
  readonly crypto: Crypto;
}

/** @throws ProtocolError that says what does not hold, or whom the operator has to name. */
export function openArrival({ chains, grant, links }: Handover, context: ArrivalContext): Arrival {
  const { crypto } = context;
  const owners = new Owners(chains, context);
  const maker = owners.of(openFirstAuthority(grant.authority, crypto).fleetId);
  const first = underAny(maker, (trust) => openDocument(Voucher, grant.voucher, trust, crypto));
  openOwner(grant.authority, first, crypto);
  const [giver, link] = followLinks(first, links, owners, crypto);
  const { fleetId } = openOwner(context.founding, link, crypto); // it names this fleet
  if (link.value.level === "revoked")
    throw new ProtocolError("out-of-range", "a device that is revoked for good changes no owner");
  assertTrusted(giver, fleetIdOf(maker), context);
  const { model, publicKey } = bornAs(grant, link.value, maker, crypto);
  return {
    hardwareId: link.value.hardwareId,
    model,
    publicKey,
    link,
    maker: fleetIdOf(maker),
    giver,
    chains: owners.others(fleetId),
  };
}

/** Every version of a fleet's Authority, oldest first. */
type Trusts = readonly [Trust, ...Trust[]];

class Owners {
  readonly #trusts = new Map<string, Trusts>();

  /** What is known already is not taken from the file: a chain there may end before a key was replaced (P3). */
  constructor(chains: Handover["chains"], { known, crypto }: ArrivalContext) {
    for (const [founding, ...links] of chains) {
      if (!founding) continue;
      const first = openFirstAuthority(founding, crypto);
      const { fleetId } = first;
      const [, ...verified] = known(fleetId).map((link) => reopenAuthority(link, fleetId, crypto));
      const trusts: [Trust, ...Trust[]] = [first, ...verified];
      for (const link of links.slice(verified.length))
        trusts.push(openNextAuthority(link, trusts.at(-1) ?? first, crypto));
      this.#trusts.set(toHex(fleetId), trusts);
    }
  }

  /** @throws ProtocolError when the file holds no Authority of this fleet. */
  of(fleetId: Uint8Array): Trusts {
    const found = this.#trusts.get(toHex(fleetId));
    if (found) return found;
    throw new ProtocolError("malformed", `the hand-over lacks the Authority of fleet ${toHex(fleetId)}`);
  }

  others(own: Uint8Array): readonly OwnerChain[] {
    return [...this.#trusts.values()]
      .map((trusts) => ({
        fleetId: fleetIdOf(trusts),
        links: trusts.map(({ authority }) => authority.bytes),
      }))
      .filter(({ fleetId }) => !equalBytes(fleetId, own));
  }
}

/** @returns who signed the last link, and that link. */
function followLinks(
  first: Opened<Voucher>,
  links: readonly Uint8Array[],
  owners: Owners,
  crypto: Crypto,
): readonly [giver: Uint8Array, link: Opened<Voucher>] {
  let [held, giver]: [Opened<Voucher>, Uint8Array | undefined] = [first, undefined];
  for (const [i, bytes] of links.entries()) {
    const owner = owners.of(held.value.owner.slice(0, 16));
    openOwner(owner[0].authority.bytes, held, crypto);
    const open = (trust: Trust) => openTransfer(bytes, held, trust, crypto);
    held = i === links.length - 1 ? open(owner.at(-1) ?? owner[0]) : underAny(owner, open);
    giver = fleetIdOf(owner);
  }
  if (giver) return [giver, held];
  throw new ProtocolError("malformed", "the hand-over holds no link that gives the device away");
}

/** Whom to trust is the operator's to say, never the file's. */
function assertTrusted(giver: Uint8Array, made: Uint8Array, { from, maker = from }: ArrivalContext): void {
  if (!equalBytes(giver, from))
    throw new ProtocolError("wrong-key", `it is fleet ${toHex(giver)} that gives this device away`);
  if (!equalBytes(made, maker))
    throw new ProtocolError(
      "wrong-key",
      `this device was made by fleet ${toHex(made)}: name it as the maker if you trust it`,
    );
}

/** What the maker's station certified: it must be about the device that the voucher names. */
function bornAs(grant: BirthGrant, voucher: Voucher, maker: Trusts, crypto: Crypto): BirthRecord {
  const leaf = grant.idevid[0] ?? new Uint8Array();
  // An IDevID does not end; whether it has begun, the maker's clock says, and not ours.
  const { station, publicKey, number } = underAny(maker, (trust) =>
    verifyChain(grant.idevid, trust.certificates, 0, crypto),
  );
  if (!station) throw new ProtocolError("bad-certificate", "the maker's papers hold no IDevID");
  const record = openEnvelope(BirthRecord, grant.record, [station.publicKey], fleetIdOf(maker), crypto).value;
  const ofOneDevice =
    record.subject === number &&
    equalBytes(record.publicKey.bytes, publicKey.bytes) &&
    equalBytes(record.idevid, crypto.sha256(leaf)) &&
    equalBytes(record.hardwareId, voucher.hardwareId) &&
    equalBytes(voucher.deviceKey, crypto.sha256(publicKey.bytes));
  if (!ofOneDevice) throw new ProtocolError("wrong-key", "papers and voucher are for different devices");
  return record;
}

/** The newest that fits; if none does, why the newest did not. @throws ProtocolError */
function underAny<T>(trusts: Trusts, open: (trust: Trust) => T): T {
  const tried = trusts.toReversed().map((trust) => orRefusal(() => open(trust)));
  const found = tried.find((each) => !(each instanceof ProtocolError));
  if (found === undefined) throw tried[0];
  return found as T;
}

function fleetIdOf([{ fleetId }]: Trusts): Uint8Array {
  return fleetId;
}
