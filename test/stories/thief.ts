/** A thief with a fleet of his own, and the papers with which a device would be his. */
import { fromBase64Url } from "../../fleet/events.js";
import { publicKeyOf } from "../../fleet/sealing.js";
import { drawUpIdentity } from "../../fleet/station/births.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BirthGrant } from "../../protocol/birth.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { encodeFrame } from "../../protocol/frame.js";
import type { Level } from "../../protocol/level.js";
import { Transfer } from "../../protocol/voucher.js";
import type { Harbor } from "./harbor.js";
import { Pen } from "./pen.js";

const hashOf = (envelope: Uint8Array) => nodeCrypto.sha256(parseEnvelope(envelope).payload);

/**
 * A grant for device `number` of `owner` by the station of `thief`: in order but for who gave the device to him.
 * @param by - who signs the link of the voucher in the name of `owner`.
 */
export async function grantOf(
  thief: Harbor,
  owner: Harbor,
  number: number,
  level: Level,
  ...by: readonly Signer[]
): Promise<Uint8Array> {
  const device = owner.service.view.devices.get(number);
  if (!device) throw new Error(`there is no device ${number}`);
  const [hardwareId, publicKey] = [fromBase64Url(device.hardwareId), publicKeyOf(device.key)];
  const authority = fromBase64Url(thief.service.view.authorities.get(1)?.signed ?? "");
  const link = {
    hardwareId,
    deviceKey: nodeCrypto.sha256(publicKey.bytes),
    index: 1,
    previous: hashOf(fromBase64Url(device.birth.voucher)),
    owner: hashOf(authority),
    level,
    issuedAt: owner.service.now(),
  };
  const voucher = new Pen(owner, number).seal(Transfer, link, ...by);
  return thief.station.inTurn(async (identity, place) => {
    const about = { hardwareId, model: device.model, publicKey, ...place };
    const { idevid, record } = drawUpIdentity(about, identity);
    const chain = [idevid, identity.certificate];
    return encodeFrame(BirthGrant, { idevid: chain, authority, voucher, record });
  });
}
