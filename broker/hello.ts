/** The first record of a TLS connection (RFC 8446 §5.1, §4.1.2), looked at before anything is spent on it. Pure. */

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const MAX_RECORD_BYTES = 16_384;

/** @returns "whole" once the record is there; "part" while it may become one; "other" for what is no ClientHello. */
export function readHello(bytes: Uint8Array): "whole" | "part" | "other" {
  const [type = HANDSHAKE, major = 3] = bytes.subarray(0, 2);
  if (type !== HANDSHAKE || major !== 3) return "other";
  const [high, low, message = CLIENT_HELLO] = bytes.subarray(3, 6);
  if (high === undefined || low === undefined) return "part";
  const length = high * 256 + low;
  if (length === 0 || length > MAX_RECORD_BYTES || message !== CLIENT_HELLO) return "other";
  return bytes.length >= RECORD_HEADER_BYTES + length ? "whole" : "part";
}
