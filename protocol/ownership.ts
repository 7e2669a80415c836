/**
 * The chain of ownership, one link at a time: the owner who gives signs the next one, and it names the
 * Authority of the one who takes. Links are counted, so an older one never counts again (P3).
 */
import { openDocument, type Trust } from "./authority.js";
import { openFirstAuthority } from "./authority-chain.js";
import { equalBytes } from "./bytes.js";
import { parseEnvelope } from "./cose.js";
import type { Crypto } from "./crypto.js";
import type { Opened } from "./envelope.js";
import { ProtocolError } from "./errors.js";
import { Transfer, type Voucher } from "./voucher.js";

/**
 * Opens the link after the one that is held.
 * @param giver - the fleet that owns the device now.
 * @throws ProtocolError "out-of-range" for an older link, or one that does not follow; "wrong-key" for one
 *   that is about another device; whatever its signature is refused for.
 */
export function openTransfer(
  bytes: Uint8Array,
  held: Opened<Voucher>,
  giver: Trust,
  crypto: Crypto,
): Opened<Voucher> {
  const link = openDocument(Transfer, bytes, giver, crypto);
  const { hardwareId, deviceKey, index, previous } = link.value;
  if (index !== held.value.index + 1) {
    const expected = `link ${held.value.index + 1} of the chain of ownership`;
    throw new ProtocolError("out-of-range", `link ${index} came where ${expected} was expected`);
  }
  const sameDevice =
    equalBytes(hardwareId, held.value.hardwareId) && equalBytes(deviceKey, held.value.deviceKey);
  if (!sameDevice) throw new ProtocolError("wrong-key", "the voucher is for another device");
  const { payload } = parseEnvelope(held.bytes);
  if (!previous || !equalBytes(previous, crypto.sha256(payload)))
    throw new ProtocolError("out-of-range", `link ${index} follows another link than the one that is held`);
  return link;
}

/** Opens the Authority, version 1, of the owner whom a link names. @throws ProtocolError */
export function openOwner(authority: Uint8Array, { value }: Opened<Voucher>, crypto: Crypto): Trust {
  if (!equalBytes(value.owner, crypto.sha256(parseEnvelope(authority).payload)))
    throw new ProtocolError("wrong-key", "the voucher names another owner than this Authority");
  return openFirstAuthority(authority, crypto);
}
