/** What a device needs from the machine it runs on, in its own words. Adapters are in `adapters/`. */
import type { Algorithm, PublicKey } from "../protocol/crypto.js";
import type { DeviceRecord } from "./record.js";

/** Where a device keeps what it must not forget: one record, replaced whole. */
export interface DeviceStore {
  /**
   * The newest record that can be read whole; undefined if nothing was ever saved.
   * @throws DeviceError "storage-damaged" when something was saved and nothing can be read: the device
   *   must not start as if it were new. "storage-failed" when the disk does not answer now.
   */
  load(): Promise<DeviceRecord | undefined>;
  /**
   * Durable once resolved; until then a power cut leaves either this record or the one before. Saves are
   * carried out in the order of the calls.
   * @throws DeviceError "storage-failed"; a later save may succeed.
   */
  save(record: DeviceRecord): Promise<void>;
}

/** Where private keys are made, stay, and sign. A name is 1 to 32 characters of a–z, 0–9 and "-". */
export interface KeyStore {
  /**
   * Makes a key, durable once resolved.
   * @throws DeviceError "key-exists" when the name is taken: nothing is replaced.
   */
  create(name: string, algorithm: Algorithm): Promise<PublicKey>;
  publicKey(name: string): Promise<PublicKey | undefined>;
  /** @returns 64 bytes, as `Crypto.sign`. @throws DeviceError "no-key". */
  sign(name: string, message: Uint8Array): Promise<Uint8Array>;
  /** The key as PKCS #8 PEM (RFC 5958), for the TLS library of this process only. @throws DeviceError "no-key". */
  tlsKey(name: string): Promise<string>;
  /** Forgets the key for good, durable once resolved. A name without a key is no error. */
  remove(name: string): Promise<void>;
}

/** What came of trying to connect, and what comes over the connection. Called in order, never after `closed`. */
export interface TransportEvents {
  /** The server proved itself (front door) or not (lobby), and what it sends down will arrive. */
  opened(): void;
  /** The server's certificate was refused before anything was sent. `closed` follows. */
  serverRefused(why: "dates" | "chain"): void;
  received(bytes: Uint8Array): void;
  closed(): void;
}

/** One connection, or the attempt at one. */
export interface Connection {
  /** To the fleet. Resolves once the gateway has taken it; that proves nothing about the fleet (P4). */
  send(bytes: Uint8Array): Promise<void>;
  /** An application message; `topic` is below the device's own prefix. @throws when it was not taken. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  close(): void;
}

/** How to go in: as whom, and what the server must prove. */
export type Door =
  | {
      readonly name: "front";
      readonly number: number;
      /** PEM: leaf first; PKCS #8. */
      readonly certificates: string;
      readonly key: string;
      /** Looks at the server's chain (DER, leaf first) before a byte is sent. */
      readonly verify: (chain: readonly Uint8Array[]) => "trusted" | "dates" | "chain";
    }
  | { readonly name: "lobby"; readonly clientId: string };

/** The way to the fleet's gateways. */
export interface Transport {
  connect(fleetId: Uint8Array, door: Door, events: TransportEvents): Connection;
}
