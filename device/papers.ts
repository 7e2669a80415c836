/** The papers that a station gives a device: do they all speak of this one? At birth, and at a change of owner. */
import { type BirthGrant, BirthRecord } from "../protocol/birth.js";
import type { Trust } from "../protocol/authority.js";
import { openNextAuthority } from "../protocol/authority-chain.js";
import { equalBytes } from "../protocol/bytes.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { openEnvelope } from "../protocol/envelope.js";
import type { Voucher } from "../protocol/voucher.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import { verifyChain } from "../protocol/x509/verify.js";

/** What never changes about a device. `publicKey`: of its IDevID. */
export interface Self {
  readonly hardwareId: Uint8Array;
  readonly publicKey: PublicKey;
}

/**
 * The Authorities that came with papers: the first one, and those that its links lead to.
 * @throws ProtocolError that names a link which does not prove itself.
 */
export function authoritiesIn(
  { links = [] }: BirthGrant,
  first: Trust,
  crypto: Crypto,
): { readonly newest: Trust; readonly all: readonly Trust[] } {
  const all = [first];
  let newest = first;
  for (const link of links) {
    newest = openNextAuthority(link, newest, crypto);
    all.push(newest);
  }
  return { newest, all };
}

/**
 * The number that these papers give to this very device; undefined when any of them is about another one.
 * @param trust - of the fleet that must have issued them, the newest that is known. @param voucher - of the grant, verified before.
 * @throws ProtocolError for papers that do not prove themselves.
 */
export function numberIn(
  { idevid, record: recorded }: BirthGrant,
  voucher: Voucher,
  { hardwareId, publicKey }: Self,
  trust: Trust,
  crypto: Crypto,
): number | undefined {
  const leaf = idevid[0] ?? new Uint8Array();
  const { notBeforeSeconds } = decodeCertificate(leaf).fields; // an IDevID does not end, and no clock is needed
  const verdict = verifyChain(idevid, trust.certificates, notBeforeSeconds, crypto);
  const { number, station } = verdict; // an IDevID names its station; no other certificate has one
  const record = station && openEnvelope(BirthRecord, recorded, [station.publicKey], trust.fleetId, crypto);
  const forThisDevice =
    equalBytes(verdict.publicKey.bytes, publicKey.bytes) &&
    equalBytes(voucher.deviceKey, crypto.sha256(publicKey.bytes)) &&
    equalBytes(voucher.hardwareId, hardwareId) &&
    record?.value.subject === number &&
    equalBytes(record.value.hardwareId, hardwareId) &&
    equalBytes(record.value.idevid, crypto.sha256(leaf));
  return forThisDevice ? number : undefined;
}
