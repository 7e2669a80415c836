/**
 * TLS of one device towards one server: a secure context made once for each identity, and the session that
 * its next connection may resume (RFC 8446 §2.2). All of it is in memory only.
 *
 * In a resumed handshake the server shows no certificate; it proves that it can read its own ticket. So a
 * session is kept with the chain of the handshake that began it, and is offered only while the device still
 * trusts that chain: the Authority and the time may have changed since. A device that does not, shakes hands
 * in full, and judges what the server shows now.
 */
import { createHash } from "node:crypto";
import {
  createSecureContext,
  type DetailedPeerCertificate,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import type { Door } from "../ports.js";

type FrontDoor = Extract<Door, { readonly name: "front" }>;

/** What a connection gives to `tls.connect`. */
interface TlsEntry {
  readonly secureContext: SecureContext;
  readonly session?: Buffer;
}

const TLS = {
  minVersion: "TLSv1.3",
  ca: [] as string[], // no CA of OpenSSL's choice takes part: its opinion is not asked
} satisfies SecureContextOptions;

/** For the lobby, where nobody shows who they are: nothing in it belongs to a device. */
export const NOBODY: TlsEntry = { secureContext: createSecureContext(TLS) };

/**
 * Connections that may offer a session before a handshake ends: a gateway that sheds load cuts them early,
 * and its devices would come back with the dearer handshake; but a session that never works must go (P9).
 */
const MAX_OFFERS = 3;
/** Certificates of the server's chain that are looked at. */
const MAX_CHAIN = 4;

interface Session {
  readonly ticket: Buffer;
  /** As the server showed it in the full handshake: DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** Connections that offered it since one was taken. */
  offers: number;
}

interface Identity {
  readonly digest: string;
  readonly secureContext: SecureContext;
  session?: Session | undefined;
}

/** What a transport keeps from one connection to the next: of the newest identity only. */
export class TlsSessions {
  #identity: Identity | undefined;

  /** @throws what OpenSSL says when certificate and key do not fit. */
  attempt(door: FrontDoor): TlsAttempt {
    const digest = digestOf(door);
    if (this.#identity?.digest !== digest) {
      const secureContext = createSecureContext({ ...TLS, cert: door.certificates, key: door.key });
      this.#identity = { digest, secureContext };
    }
    return new TlsAttempt(this.#identity, door.verify);
  }
}

/** The TLS of one connection by the front door. */
export class TlsAttempt {
  readonly entry: TlsEntry;
  readonly #identity: Identity;
  readonly #verify: FrontDoor["verify"];
  readonly #offered: Session | undefined;
  /** What the next connection may resume, if the gateway takes this one. */
  #begun: Session | undefined;
  #taken = false;

  constructor(identity: Identity, verify: FrontDoor["verify"]) {
    const { secureContext, session } = identity;
    this.#identity = identity;
    this.#verify = verify;
    this.#offered = session && verify(session.chain) === "trusted" ? session : undefined;
    identity.session = this.#offered;
    this.entry = { secureContext, ...(this.#offered && { session: this.#offered.ticket }) };
  }

  /** TCP is there, and the session is on its way. */
  offered(): void {
    if (this.#offered && ++this.#offered.offers >= MAX_OFFERS) this.#identity.session = undefined;
  }

  /**
   * The handshake is done: what does the device think of the server? To be asked once, before a byte is sent.
   * Until the gateway has taken this connection, the next one has nothing to resume.
   */
  judge(socket: TLSSocket): ReturnType<FrontDoor["verify"]> {
    this.#identity.session = undefined;
    if (socket.isSessionReused() && this.#offered) {
      this.#begun = { ...this.#offered, offers: 0 };
      return "trusted"; // as judged when it was offered, a moment ago
    }
    const chain = shownChain(socket);
    // Tickets of a resumed connection are let go: the server has to prove its key again at the latest when
    // the ticket of a full handshake ends, at most 7 days after (RFC 8446 §4.6.1).
    socket.on("session", (ticket) => {
      this.#begun = { ticket, chain, offers: 0 };
      this.#keep();
    });
    return this.#verify(chain);
  }

  /** The gateway knows the device by this certificate, and serves it. */
  taken(): void {
    this.#taken = true;
    this.#keep();
  }

  #keep(): void {
    if (this.#taken && this.#begun) this.#identity.session = this.#begun;
  }
}

/** Not the key itself: one copy of it, in the secure context, is enough. */
function digestOf({ certificates, key }: FrontDoor): string {
  return createHash("sha256").update(certificates).update(key).digest("base64");
}

/** Not by getPeerX509Certificate, which is cheaper: Node 20 loses some KB with each chain that it gives so. */
function shownChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw && chain.length < MAX_CHAIN) {
    chain.push(new Uint8Array(certificate.raw));
    certificate = certificate.issuerCertificate === certificate ? undefined : certificate.issuerCertificate;
  }
  return chain;
}
