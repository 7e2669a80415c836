/** Why bytes were refused. One closed list for every parser and verifier in this folder. */
export type ProtocolErrorCode =
  | "malformed" // not the strict CBOR, COSE or DER that the profile allows
  | "too-large" // over a named bound
  | "unknown-type" // a message type this reader does not know, or did not ask for
  | "unknown-key" // a map key below 64 that this reader does not know
  | "out-of-range" // well-formed, but a value outside its declared bound
  | "wrong-key" // signed by a key that does not hold the role, or with another algorithm
  | "bad-signature"
  | "quorum-missing" // fewer valid signatures than the role's threshold
  | "bad-certificate"; // a certificate outside our closed profiles, or a chain that does not verify

/**
 * Bytes we refuse. `message` is safe to log and to send: it holds no keys, nonces or payload.
 * `options.cause` stays local, for our own logs.
 */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProtocolError";
    this.code = code;
  }
}
