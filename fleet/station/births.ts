/** What a station gives a device: its IDevID, voucher and birth record. Pure, but for the signatures. */
import type { Trust } from "../../protocol/authority.js";
import { BirthRecord } from "../../protocol/birth.js";
import { toHex } from "../../protocol/bytes.js";
import type { Crypto, Entropy, PublicKey, Signer } from "../../protocol/crypto.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { Voucher } from "../../protocol/voucher.js";
import { issueCertificate, newSerial, decodeCertificate } from "../../protocol/x509/certificate.js";
import { NEVER_EXPIRES_SECONDS } from "../../protocol/x509/time.js";

/** Links of the chain of Authorities in one grant: as many as the wire has room for. */
export const MAX_GRANT_LINKS = 16;

/** What a station works with. `certificate`: its own, DER. `factory`: the key that signs vouchers. */
export interface StationIdentity {
  readonly trust: Trust;
  /** Version 1 of the Authority, which names the fleet; absent while that is the one in `trust`. */
  readonly founding?: Uint8Array;
  /** Those after it, oldest first, as far as a grant has room: the device walks on from there by itself. */
  readonly links?: readonly Uint8Array[];
  readonly certificate: Uint8Array;
  readonly station: Signer;
  readonly factory: Signer;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
}

export interface Birth {
  readonly number: number;
  readonly hardwareId: Uint8Array;
  readonly model: string;
  readonly publicKey: PublicKey;
  /** Place in the station's chain of records, and the envelope of the one before. */
  readonly index: number;
  readonly previous?: Uint8Array;
  /** Unix seconds, by the station's clock. */
  readonly bornAt: number;
}

/** Envelopes, and the IDevID in DER. */
export interface Papers {
  readonly idevid: Uint8Array;
  readonly voucher: Uint8Array;
  readonly record: Uint8Array;
}

/** Text of a hardware id in an X.509 serialNumber attribute: hex, cut to the 64 characters of RFC 5280. */
function serialNumberOf(hardwareId: Uint8Array): string {
  return toHex(hardwareId).slice(0, 64);
}

export function drawUpPapers(birth: Birth, identity: StationIdentity): Papers {
  const { trust, crypto, factory } = identity;
  const { hardwareId, publicKey, bornAt } = birth;
  const deviceKey = crypto.sha256(publicKey.bytes);
  const owner = crypto.sha256(parseEnvelope(foundingOf(identity)).payload);
  const voucher = { hardwareId, deviceKey, index: 0, owner, level: "none", issuedAt: bornAt } as const;
  return {
    ...drawUpIdentity(birth, identity),
    voucher: sealEnvelope(Voucher, voucher, factory, trust.fleetId, crypto),
  };
}

/** Those of a device that has its voucher from the owner before. */
export function drawUpIdentity(birth: Birth, identity: StationIdentity): Omit<Papers, "voucher"> {
  const { trust, crypto, entropy, station } = identity;
  const { number, hardwareId, model, publicKey, index, bornAt } = birth;
  const { fleetId } = trust;
  const issuer = { name: decodeCertificate(identity.certificate).fields.subject, signer: station };
  const idevid = issueCertificate(
    {
      profile: "idevid",
      holder: { fleetId, number, generation: 0 },
      serial: newSerial(entropy),
      subject: { commonName: model, serialNumber: serialNumberOf(hardwareId) },
      publicKey,
      notBeforeSeconds: bornAt,
      notAfterSeconds: NEVER_EXPIRES_SECONDS, // IEEE 802.1AR §8.7
    },
    issuer,
    crypto,
  );
  const previous = birth.previous ? { previous: crypto.sha256(birth.previous) } : {};
  const record = {
    subject: number,
    hardwareId,
    model,
    publicKey,
    idevid: crypto.sha256(idevid),
    index,
    bornAt,
    ...previous,
  };
  return { idevid, record: sealEnvelope(BirthRecord, record, station, fleetId, crypto) };
}

/** The Authority that a device begins with, and walks on from. */
export function foundingOf({ founding, trust }: StationIdentity): Uint8Array {
  return founding ?? trust.authority.bytes;
}
