/** PEM text of certificates (RFC 7468 §5), for TLS libraries and for openssl. */

const LINE_CHARACTERS = 64;

/** One PEM block for each certificate, in the order given. */
export function certificatesToPem(...certificates: readonly Uint8Array[]): string {
  return certificates.map(block).join("");
}

function block(der: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...der));
  const lines = base64.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, "g")) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
