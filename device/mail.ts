/** The core of directives and releases, the same in every version of the protocol: whom it is for, how new it is. */
import { decodeCbor } from "../protocol/codec.js";
import { looksSigned, parseEnvelope } from "../protocol/cose.js";
import { Directive } from "../protocol/directive.js";
import { ProtocolError } from "../protocol/errors.js";
import { Release } from "../protocol/release.js";
import { version, type Version } from "../protocol/version.js";

interface MailCore {
  readonly type: number;
  readonly subject: number;
  readonly version: Version;
}

/** What these bytes claim to be; undefined for all but a directive or a release. Nothing is verified. */
export function mailCore(bytes: Uint8Array): MailCore | undefined {
  if (!looksSigned(bytes)) return undefined;
  try {
    const { type, payload } = parseEnvelope(bytes);
    if (type !== Directive.type && type !== Release.type) return undefined;
    const core = decodeCbor(payload);
    const [subject, held] = core instanceof Map ? [core.get(1), core.get(2)] : [];
    if (typeof subject !== "number" || held === undefined) return undefined;
    return { type, subject, version: version.fromCbor(held, "version") };
  } catch (error) {
    if (error instanceof ProtocolError) return undefined; // whoever opens it says why
    throw error;
  }
}
