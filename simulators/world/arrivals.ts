/** A login at a gateway of the world: who is it, and is it let in? As broker/gateway-arrival.ts, without the socket. */
import { admit } from "../../broker/admission.js";
import { Buckets, type Rate } from "../../broker/buckets.js";
import { refuseConnect, sessionKey } from "../../broker/connect.js";
import type { Arrival, ShownCertificate } from "../../broker/gateway-arrival.js";
import type { Sessions } from "../../broker/gateway-sessions.js";
import { Verdicts } from "../../broker/verdicts.js";
import type { FleetLink } from "../../fleet/link.js";
import type { Clock } from "../../protocol/clock.js";
import type { Crypto } from "../../protocol/crypto.js";
import { holds } from "./keyring.js";
import type { Packet } from "./packet.js";

export type Login = Extract<Packet, { type: "login" }>;

/** Logins of one device. */
const LOGIN_RATE: Rate = { perSecond: 1, burst: 120 };
const KEEPALIVE_SECONDS = 60;

export class Arrivals {
  readonly #link: FleetLink;
  readonly #clock: Clock;
  readonly #verdicts: Verdicts;
  readonly #logins = new Buckets<number>(LOGIN_RATE);

  constructor({ link, clock, crypto }: { link: FleetLink; clock: Clock; crypto: Crypto }) {
    this.#link = link;
    this.#clock = clock;
    this.#verdicts = new Verdicts(crypto);
  }

  /** @param serial - of the connection, unique in this gateway. @returns undefined: it is not let in. */
  receive({ chain, key, clientId }: Login, serial: number, sessions: Sessions): Arrival | undefined {
    const [leaf] = chain;
    if (leaf && !(key && holds(key, leaf))) return undefined; // does not end its handshake
    const certificate = this.shown(chain);
    const standing = typeof certificate === "string" ? undefined : this.#link.standing(certificate.number);
    const admission = admit(certificate, standing);
    const connect = { clientId, keepaliveSeconds: KEEPALIVE_SECONDS, hasWill: false };
    if (refuseConnect(connect, admission)) return undefined;
    const { number } = admission;
    if (number !== undefined && this.#logins.take(number, this.#clock.nowMs()) > 0) return undefined;
    const name = sessionKey(admission, clientId, serial);
    if (!sessions.hasRoom(name, admission)) return undefined;
    return { key: name, clientId, certificate, resumed: false, admission };
  }

  /** What the verifier says of a chain that a peer showed. @param chain - DER, leaf first; empty: it showed none. */
  shown(chain: readonly Uint8Array[]): ShownCertificate {
    const [leaf] = chain;
    if (!leaf) return "none";
    const { certificates } = this.#link.trust();
    const shown = { leaf, resumed: false, chain: () => chain };
    const verdict = this.#verdicts.of(shown, certificates, Math.floor(this.#clock.nowMs() / 1000));
    return verdict === "stale" ? "bad" : verdict; // nothing is resumed here
  }
}
