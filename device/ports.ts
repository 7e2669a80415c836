/** What a device needs from the machine it runs on, in its own words. Adapters are in `adapters/`. */
import type { Algorithm, PublicKey } from "../protocol/crypto.js";
import type { DeviceRecord, SessionRecord } from "./record.js";

/** Where a device keeps what it must not forget: one record, replaced whole. */
export interface DeviceStore {
  /**
   * What is stored; undefined if nothing was ever saved.
   * @throws DeviceError "storage-damaged" when something was saved and not even the papers can be read: the
   *   device must not start as if it were new. "storage-failed" when the disk does not answer now.
   */
  load(): Promise<Stored | undefined>;
  /**
   * Durable once resolved; until then a power cut leaves either this record or the one before. Saves are
   * carried out in the order of the calls. Each moves the counter by one, after the record is on disk.
   * @throws DeviceError "storage-failed"; a later save may succeed.
   */
  save(record: DeviceRecord): Promise<void>;
  /** What may be lost or fall back without harm; durable once resolved, and the counter stays. */
  saveSession(session: SessionRecord): Promise<void>;
}

export interface Stored {
  /** The newest record that can be read whole; of a state that is lost, a blank one made of the papers. */
  readonly record: DeviceRecord;
  readonly session?: SessionRecord;
  /**
   * Why the record is not what was saved last, as the alarm to raise: "rollback": it is older than the counter
   * says; "tamper": newer by more than the one save that a power cut can cut off; "lost": the papers only.
   */
  readonly doubt?: "rollback" | "tamper" | "lost";
  /** No fewer than were ever saved: numbers that must not be used twice go on from here. */
  readonly saves: number;
}

/** A number that only grows, kept apart from the store's files: in a TPM's NV index, or by software. */
export interface MonotonicCounter {
  /** 0 before the first increment. @throws DeviceError "storage-failed" */
  read(): Promise<number>;
  /** Durable once resolved. @returns the new value. @throws DeviceError "storage-failed" */
  increment(): Promise<number>;
}

/** Where private keys are made, stay, and sign. A name is 1 to 32 characters of a–z, 0–9 and "-". */
export interface KeyStore {
  /**
   * Makes a key, durable once resolved.
   * @throws DeviceError "key-exists" when the name is taken: nothing is replaced.
   */
  create(name: string, algorithm: Algorithm): Promise<PublicKey>;
  /** @throws DeviceError "storage-damaged" when there is a key of this name, and it cannot be read. */
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
