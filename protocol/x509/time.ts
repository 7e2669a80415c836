/** Certificate dates (RFC 5280 §4.1.2.5): UTCTime through 2049, GeneralizedTime from 2050. */
import { utf8 } from "../bytes.js";
import { ProtocolError } from "../errors.js";
import { der, TAG, type DerReader } from "./der.js";

/** 99991231235959Z, Unix seconds: "has no well-defined expiration date" (RFC 5280 §4.1.2.5, IEEE 802.1AR §8.7). */
export const NEVER_EXPIRES_SECONDS = 253_402_300_799;

/** 2050-01-01T00:00:00Z, Unix seconds. */
const GENERALIZED_TIME_FROM_SECONDS = 2_524_608_000;

/** @param seconds - whole Unix seconds, from 1970 to NEVER_EXPIRES_SECONDS. @throws ProtocolError "out-of-range". */
export function encodeTime(seconds: number): Uint8Array {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > NEVER_EXPIRES_SECONDS) {
    throw new ProtocolError("out-of-range", "a certificate date outside 1970 to 9999");
  }
  const digits = `${new Date(seconds * 1000).toISOString().slice(0, 19).replace(/\D/g, "")}Z`;
  return seconds < GENERALIZED_TIME_FROM_SECONDS
    ? der(TAG.utcTime, utf8(digits.slice(2)))
    : der(TAG.generalizedTime, utf8(digits));
}

/** Loose about dates that do not exist: whoever decodes a certificate compares it with its re-encoding. */
export function readTime(reader: DerReader): number {
  const short = reader.peek() === TAG.utcTime;
  const text = String.fromCharCode(...reader.take(short ? TAG.utcTime : TAG.generalizedTime));
  const century = !short ? "" : text < "50" ? "20" : "19"; // RFC 5280 §4.1.2.5.1
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text);
  if (!match) throw new ProtocolError("malformed", "a date in a form that RFC 5280 does not allow");
  const [year = 0, month = 0, ...rest] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest) / 1000;
}
