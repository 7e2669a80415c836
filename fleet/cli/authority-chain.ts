/** The chain of Authorities that lies in files, in whatever order and among whatever else. Pure. */
import { Authority, type Trust } from "../../protocol/authority.js";
import { openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Crypto } from "../../protocol/crypto.js";
import { ProtocolError } from "../../protocol/errors.js";
import { orRefusal } from "../../protocol/refusal.js";

/**
 * Walks from Authority version 1 as far as the links among these documents prove themselves.
 * @param anchors - documents among which version 1 is looked for.
 * @param links - documents among which the later versions are looked for.
 * @param fleetId - the fleet that version 1 must found; absent: the first that does found one.
 * @returns version by version; empty when there is no version 1, or with the reason why it does not count.
 */
export function authorityChain(
  anchors: readonly Uint8Array[],
  links: readonly Uint8Array[],
  fleetId: Uint8Array | undefined,
  crypto: Crypto,
): { readonly chain: readonly Trust[]; readonly refusal?: ProtocolError } {
  const versions = links.map((bytes) => ({ bytes, version: authorityVersion(bytes) }));
  const firsts = anchors.filter((bytes) => authorityVersion(bytes) === 1);
  const chain: Trust[] = [];
  let trust = firstThatOpens(firsts, (bytes) => openFirstAuthority(bytes, crypto, fleetId));
  if (trust instanceof ProtocolError) return { chain, refusal: trust };
  while (trust && !(trust instanceof ProtocolError)) {
    chain.push(trust);
    const known = trust;
    const next = versions.filter(({ version }) => version === known.authority.value.version + 1);
    trust = firstThatOpens(
      next.map(({ bytes }) => bytes),
      (bytes) => openNextAuthority(bytes, known, crypto),
    );
  }
  return { chain };
}

function authorityVersion(bytes: Uint8Array): number | undefined {
  const version = orRefusal(() => {
    const { type, payload } = parseEnvelope(bytes);
    return type === Authority.type ? Authority.decode(payload).version : undefined;
  });
  return version instanceof ProtocolError ? undefined : version;
}

/** Undefined when there is nothing to open; a refusal when nothing of it opens. */
function firstThatOpens(
  documents: readonly Uint8Array[],
  open: (bytes: Uint8Array) => Trust,
): Trust | ProtocolError | undefined {
  const opened = documents.map((bytes) => orRefusal(() => open(bytes)));
  return opened.find((trust) => !(trust instanceof ProtocolError)) ?? opened[0];
}
