/** Checkpoints (c2sp.org/tlog-checkpoint): the size of the log and the root of its tree, as a signed note. */
import { toHex } from "../../protocol/bytes.js";
import type { Crypto } from "../../protocol/crypto.js";
import { ProtocolError } from "../../protocol/errors.js";
import { rootOf, type Tree } from "./merkle.js";
import { type NoteKey, type NoteSigner, openNote, signNote } from "./note.js";

/** `size`: records; `root`: 32 bytes, over their hashes. */
export interface Checkpoint {
  readonly size: number;
  readonly root: Uint8Array;
}

/** What a fleet's log calls itself, and its key's name. @param fleetId - 16 bytes. */
export function originOf(fleetId: Uint8Array): string {
  return `daymark/${toHex(fleetId)}`;
}

/** @returns a signed note; its origin is the signer's name. */
export function signCheckpoint(tree: Tree, signer: NoteSigner, crypto: Crypto): string {
  const root = Buffer.from(rootOf(tree, crypto)).toString("base64");
  return signNote(`${signer.name}\n${tree.size}\n${root}\n`, signer, crypto);
}

export interface OpenedCheckpoint extends Checkpoint {
  readonly key: NoteKey;
  /** How many have signed it, witnesses included. */
  readonly signatures: number;
}

/** @throws ProtocolError "malformed", "wrong-key", "bad-signature". */
export function openCheckpoint(note: string, keys: readonly NoteKey[], crypto: Crypto): OpenedCheckpoint {
  const { text, key, signatures } = openNote(note, keys, crypto);
  const [, origin, size = "", root = ""] = BODY.exec(text) ?? [];
  // A name in the signature line alone would let one log's key speak for another log of the same owner.
  if (origin !== key.name) throw new ProtocolError("malformed", `this note is no checkpoint of ${key.name}`);
  return { size: Number(size), root: new Uint8Array(Buffer.from(root, "base64")), key, signatures };
}

/** Origin, size without leading zeroes, root (32 bytes), and lines of others that are none of ours to read. */
const BODY = /^([^\n]+)\n(0|[1-9][0-9]{0,14})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*$/;
