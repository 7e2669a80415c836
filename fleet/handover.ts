/**
 * The hand-over of one device, as a file: all that its next owner needs to see whose it was and is. A bundle
 * of the owners' chains of Authorities, the maker's papers, and the links of the voucher. Pure; what it says
 * is checked in arrival.ts.
 */
import { Authority } from "../protocol/authority.js";
import { BirthGrant } from "../protocol/birth.js";
import { joinBundle, splitBundle } from "../protocol/bundle.js";
import { looksSigned, parseEnvelope } from "../protocol/cose.js";
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame, encodeFrame } from "../protocol/frame.js";
import { Voucher } from "../protocol/voucher.js";

export interface Handover {
  /** The Authorities of each owner until now, from version 1 on: envelopes. The owners in any order. */
  readonly chains: readonly (readonly Uint8Array[])[];
  /** As the maker's station gave it, with link 0. */
  readonly grant: BirthGrant;
  /** The links after that; the last one names the next owner. */
  readonly links: readonly Uint8Array[];
}

export function joinHandover({ chains, grant, links }: Handover): Uint8Array {
  return joinBundle([...chains.flat(), encodeFrame(BirthGrant, grant), ...links]);
}

/** Only the form is looked at. @throws ProtocolError */
export function splitHandover(bytes: Uint8Array): Handover {
  const chains: Uint8Array[][] = [];
  const grants: BirthGrant[] = [];
  const links: Uint8Array[] = [];
  for (const item of splitBundle(bytes)) {
    if (!looksSigned(item)) {
      grants.push(decodeFrame(BirthGrant, item));
      continue;
    }
    const { type, payload } = parseEnvelope(item);
    if (type === Voucher.type) links.push(item);
    else if (type !== Authority.type) throw notAHandover("it holds something else");
    else if (Authority.decode(payload).version === 1) chains.push([item]);
    else if (!chains.at(-1)?.push(item)) throw notAHandover("a chain of Authorities begins in the middle");
  }
  const [grant, ...more] = grants;
  if (!grant || more.length > 0) throw notAHandover("it speaks of one device, no more and no fewer");
  return { chains, grant, links };
}

/** The first version of an Authority in a file: an envelope, or a bundle that holds it. @throws ProtocolError */
export function foundingIn(bytes: Uint8Array): Uint8Array {
  const isFounding = (item: Uint8Array) => {
    if (!looksSigned(item)) return false;
    const { type, payload } = parseEnvelope(item);
    return type === Authority.type && Authority.decode(payload).version === 1;
  };
  const found = splitBundle(bytes).filter(isFounding); // one envelope is a bundle as well
  if (found.length !== 1 || !found[0])
    throw new ProtocolError("malformed", "the file must hold version 1 of one fleet's Authority");
  return found[0];
}

function notAHandover(why: string): ProtocolError {
  return new ProtocolError("malformed", `this is no hand-over of a device: ${why}`);
}
