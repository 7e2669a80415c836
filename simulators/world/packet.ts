/** What the two ends of a connection say to each other, and how an end is used. */
import type { PublicKey } from "../../protocol/crypto.js";

/** What an end sends. MQTT and the handshake, as far as decisions hang on them. */
export type Packet =
  /** The server's half of the handshake. `key`: the one that it proved to hold. Chains are DER, leaf first. */
  | { readonly type: "server"; readonly chain: readonly Uint8Array[]; readonly key: PublicKey }
  /** The client's half, and CONNECT. `key`: absent when it shows no certificate. */
  | {
      readonly type: "login";
      readonly chain: readonly Uint8Array[];
      readonly key?: PublicKey;
      readonly clientId: string;
    }
  | { readonly type: "welcome" }
  | { readonly type: "publish"; readonly id: number; readonly topic: string; readonly payload: Uint8Array }
  | { readonly type: "taken"; readonly id: number }
  | { readonly type: "down"; readonly payload: Uint8Array }
  /** The last that an end sends. */
  | { readonly type: "end" };

export type Side = "device" | "gateway";

/** What an end hears. Nothing comes after `closed`. */
export interface Ears {
  packet(packet: Packet): void;
  /** The other end has closed, or nothing was heard of it for too long. */
  closed(): void;
}

export interface End {
  send(packet: Packet): void;
  /** What was sent before still arrives. */
  close(): void;
  /** This machine lost its power: the other end hears nothing of it. */
  vanish(): void;
}
