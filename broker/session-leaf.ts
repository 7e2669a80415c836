/**
 * The certificate that a peer showed, out of the TLS session that OpenSSL keeps of it: the same bytes after a full
 * and after a resumed handshake, for a tenth of what Node's own call costs, which reads the certificate too. Pure.
 */

/** OpenSSL's SSL_SESSION in DER (`i2d_SSL_SESSION`): a SEQUENCE whose field [3] is the peer's certificate. */
const SEQUENCE = 0x30;
const PEER = 0xa3;

interface Element {
  readonly tag: number;
  /** Where its content begins and ends. */
  readonly from: number;
  readonly to: number;
}

/**
 * @param session - `tls.TLSSocket.getSession()`.
 * @returns the leaf in DER; "none" when the session has none; undefined when this is no such session, and
 *   another way has to be found.
 */
export function leafIn(session: Uint8Array): Uint8Array | "none" | undefined {
  const whole = elementAt(session, 0, session.length);
  if (whole?.tag !== SEQUENCE || whole.to !== session.length) return undefined;
  for (let at = whole.from; at < whole.to;) {
    const field = elementAt(session, at, whole.to);
    if (!field) return undefined;
    if (field.tag !== PEER) {
      at = field.to;
      continue;
    }
    const certificate = elementAt(session, field.from, field.to);
    const isWhole = certificate?.tag === SEQUENCE && certificate.to === field.to;
    return isWhole ? session.subarray(field.from, field.to) : undefined;
  }
  return "none";
}

/** X.690 §8.1, lengths of up to 65,535 bytes. */
function elementAt(bytes: Uint8Array, at: number, end: number): Element | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined || at + 2 > end) return undefined;
  let [from, length] = [at + 2, first];
  if (first >= 0x80) {
    const more = first - 0x80; // bytes of the length
    if (more !== 1 && more !== 2) return undefined;
    from += more;
    length = (bytes[at + 2] ?? end) * (more === 2 ? 256 : 1) + (more === 2 ? (bytes[at + 3] ?? end) : 0);
  }
  return from + length <= end ? { tag, from, to: from + length } : undefined;
}
