/**
 * The TLS side of a gateway: a server with a key of its own that never leaves this process, a certificate
 * that is renewed in time, and the chain that a peer showed. Whom that chain names is not decided here.
 */
import {
  createServer,
  type DetailedPeerCertificate,
  type Server,
  type TlsOptions,
  type TLSSocket,
} from "node:tls";
import type { FleetLink } from "../fleet/link.js";
import { privateKeyObject } from "../protocol/adapters/node-crypto.js";
import { equalBytes, toHex } from "../protocol/bytes.js";
import type { Clock, Timer } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { ProtocolError } from "../protocol/errors.js";
import { certificatesToPem } from "../protocol/x509/pem.js";
import { verifyChain, type CertificateVerdict } from "../protocol/x509/verify.js";
import type { GatewayEvent } from "./events.js";
import { eachDay, TICKET_LIFE_SECONDS, ticketKeys } from "./gateway-tickets.js";
import { leafIn } from "./session-leaf.js";
import type { ShownChain } from "./verdicts.js";

export interface TlsContext {
  readonly link: FleetLink;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  /** Names and addresses at which devices reach this gateway. */
  readonly hosts: readonly string[];
  readonly onEvent: (event: GatewayEvent) => void;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long to wait after the fleet did not renew the certificate, and the least time between two renewals. */
const RENEW_RETRY_MS = 60_000;
/** One more than the verifier takes, so that it sees, and refuses, a longer chain. */
const MAX_PEER_CERTIFICATES = 5;

const OPTIONS = {
  minVersion: "TLSv1.3" as const,
  requestCert: true,
  // Any certificate gets through the handshake, and none: who it is, and whether it still counts, decides our
  // own verifier at the CONNECT, so that an expired device is told so instead of meeting a closed door (P9).
  // Nobody may read `authorized`: a resumed session can claim it with no certificate at all. A session outlives
  // what was decided about its holder, so nothing but the leaf is taken from it.
  rejectUnauthorized: false,
  // No CA of OpenSSL's choice takes part.
  ca: [] as string[],
  sessionTimeout: TICKET_LIFE_SECONDS,
} satisfies TlsOptions;

export interface CertifiedServer {
  /** It does not listen: connections are handed to it. */
  readonly server: Server;
  /** Takes a new key and certificate at once: the CAs that count have changed. */
  recertify(): Promise<void>;
  /** Ends the renewals. */
  close(): void;
}

/** @throws whatever the fleet answers when it gives no certificate: without one there is nothing to serve. */
export async function certifiedServer(context: TlsContext): Promise<CertifiedServer> {
  const { link, clock, onEvent } = context;
  const first = await certify(context);
  const keysNow = () => ticketKeys(link.ticketSeed(), clock.nowMs());
  const settings = ({ secrets }: typeof first) => ({
    ...OPTIONS,
    ...secrets,
    ticketKeys: keysNow(),
    sessionIdContext: toHex(link.trust().fleetId), // the same in every process, or none would resume another's
  });
  const server = createServer({ ...settings(first), handshakeTimeout: HANDSHAKE_TIMEOUT_MS });
  const rotation = eachDay(clock, () => server.setTicketKeys(keysNow()));
  let timer: Timer | undefined;
  let closed = false;

  const renewIn = (delayMs: number): void => {
    if (!closed) timer = clock.after(Math.max(delayMs, RENEW_RETRY_MS), () => void renew());
  };
  const renewAfter = (verdict: CertificateVerdict): void => {
    onEvent({ type: "certified", notAfterSeconds: verdict.notAfterSeconds });
    renewIn(twoThirdsMs(verdict) - clock.nowMs());
  };
  const renew = async (): Promise<void> => {
    try {
      const next = await certify(context);
      server.setSecureContext(settings(next));
      renewAfter(next.verdict);
    } catch (error) {
      onEvent({ type: "notCertified", why: String(error) });
      renewIn(RENEW_RETRY_MS);
    }
  };

  renewAfter(first.verdict);
  return {
    server,
    recertify: async () => {
      timer?.cancel();
      await renew();
    },
    close: () => {
      closed = true;
      timer?.cancel();
      rotation.cancel();
    },
  };
}

/** What the peer showed, in this handshake or the one that it resumed; undefined when it showed nothing. */
export function shownIn(socket: TLSSocket): ShownChain | undefined {
  const session = socket.getSession();
  const found = session ? leafIn(session) : undefined;
  if (found === "none") return undefined;
  const leaf = found ?? (socket.getPeerCertificate(false) as Partial<DetailedPeerCertificate>).raw;
  return leaf && { leaf, resumed: socket.isSessionReused(), chain: () => peerChain(socket) };
}

/** DER, leaf first. */
function peerChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  // Not getPeerX509Certificate: Node 20 loses 5 KB with each chain that it takes out of OpenSSL so.
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw && chain.length < MAX_PEER_CERTIFICATES) {
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate; // a root names itself
  }
  return chain;
}

/** A new key and its certificate, as TLS wants them, checked as any device will check them. */
async function certify({ link, clock, crypto, entropy, hosts }: TlsContext): Promise<{
  readonly secrets: { readonly key: string; readonly cert: string };
  readonly verdict: CertificateVerdict;
}> {
  const key = crypto.generate("ES256", entropy);
  const publicKey = crypto.publicKey(key);
  const chain = await link.certifyGateway(publicKey, hosts);
  const verdict = verifyChain(chain, link.trust().certificates, Math.floor(clock.nowMs() / 1000), crypto);
  const ours = verdict.profile === "gateway" && equalBytes(verdict.publicKey.bytes, publicKey.bytes);
  if (!ours) {
    throw new ProtocolError("bad-certificate", "the fleet answered with a certificate that is not ours");
  }
  const pem = privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString();
  return { secrets: { key: pem, cert: certificatesToPem(...chain) }, verdict };
}

function twoThirdsMs({ notBeforeSeconds, notAfterSeconds }: CertificateVerdict): number {
  return (notBeforeSeconds + ((notAfterSeconds - notBeforeSeconds) * 2) / 3) * 1000;
}
