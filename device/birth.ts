/**
 * The device's half of a birth: make a key, prove it, check what the station gives, store it, confirm.
 * Killed at any point it starts again, and gets the same papers for the same key.
 */
import { openDocument, type Trust } from "../protocol/authority.js";
import { openFirstAuthority } from "../protocol/authority-chain.js";
import { BirthChallenge, BirthGrant, BirthHello, BirthRequest, BirthStored } from "../protocol/birth.js";
import { equalBytes } from "../protocol/bytes.js";
import type { Algorithm, Crypto, PublicKey } from "../protocol/crypto.js";
import { type Opened, prepareEnvelope } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame, encodeFrame } from "../protocol/frame.js";
import { Voucher } from "../protocol/voucher.js";
import { DeviceError } from "./errors.js";
import { IDEVID_KEY } from "./jobs.js";
import { newborn } from "./newborn.js";
import { authoritiesIn, numberIn } from "./papers.js";
import type { DeviceStore, KeyStore } from "./ports.js";
import type { DeviceRecord } from "./record.js";

/** One message to the station, its answer back. */
export type StationLink = (message: Uint8Array) => Promise<Uint8Array>;

export interface BirthOptions {
  readonly hardwareId: Uint8Array;
  readonly model: string;
  readonly algorithm?: Algorithm;
  readonly store: DeviceStore;
  readonly keys: KeyStore;
  readonly crypto: Crypto;
}

/**
 * Gives the device its identity, unless it has one.
 * @throws DeviceError "birth-refused" for papers of another device; ProtocolError for papers that do not verify.
 */
export async function beBorn(options: BirthOptions, link: StationLink): Promise<DeviceRecord> {
  const { hardwareId, model, store, keys, crypto, algorithm = "ES256" } = options;
  const present = await store.load();
  if (present) return present.record;
  const challenge = decodeFrame(
    BirthChallenge,
    await link(encodeFrame(BirthHello, { hardwareId, model, algorithm })),
  );
  const { nonce, fleetId } = challenge;
  const publicKey = (await keys.publicKey(IDEVID_KEY)) ?? (await keys.create(IDEVID_KEY, algorithm));
  const sign = async <T>(message: Parameters<typeof prepareEnvelope<T>>[0], value: T) => {
    const unsigned = prepareEnvelope(message, value, publicKey, fleetId, crypto);
    return unsigned.finish(await keys.sign(IDEVID_KEY, unsigned.toBeSigned));
  };
  const request = { nonce, hardwareId, model, publicKey };
  const grant = decodeFrame(BirthGrant, await link(await sign(BirthRequest, request)));
  const record = recordFrom(grant, publicKey, options, fleetId);
  await store.save(record);
  const stored = { subject: record.number, hardwareId, record: crypto.sha256(record.birth) };
  await link(await sign(BirthStored, stored));
  return record;
}

/** Checks the papers against each other and against the device's own key, before any of it is kept. */
function recordFrom(
  grant: BirthGrant,
  publicKey: PublicKey,
  { hardwareId, model, crypto }: BirthOptions,
  challenged: Uint8Array,
): DeviceRecord {
  const first = openFirstAuthority(grant.authority, crypto, challenged);
  const { newest: trust, all } = authoritiesIn(grant, first, crypto);
  const voucher = openVoucher(grant.voucher, all, crypto).value;
  const number = numberIn(grant, voucher, { hardwareId, publicKey }, trust, crypto);
  const forThisFleet =
    equalBytes(voucher.owner.slice(0, trust.fleetId.length), trust.fleetId) && // the id is where that hash begins
    voucher.index === 0;
  if (number === undefined || !forThisFleet)
    throw new DeviceError("birth-refused", "the station's papers are for another device");
  const { idevid, voucher: link, record: birth } = grant;
  const { fleetId, authority } = trust;
  return newborn({
    number,
    hardwareId,
    model,
    fleetId,
    idevid,
    voucher: link,
    birth,
    authority: authority.bytes,
  });
}

/**
 * Signed by the factory key of any version: a birth that was cut off goes on with the papers it had, though
 * that key was replaced meanwhile.
 */
function openVoucher(bytes: Uint8Array, all: readonly Trust[], crypto: Crypto): Opened<Voucher> {
  let refusal: unknown;
  for (const trust of all) {
    try {
      return openDocument(Voucher, bytes, trust, crypto);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      refusal = error; // perhaps by a later version's key
    }
  }
  throw refusal;
}
