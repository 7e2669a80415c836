/**
 * Signed notes (c2sp.org/signed-note): a text for people, and below it a line for each signature. Witnesses add lines
 * of their own; whoever verifies looks for those of the keys that it knows.
 */
import { concatBytes, equalBytes, toHex, utf8 } from "../../protocol/bytes.js";
import type { Crypto, PublicKey, Signer } from "../../protocol/crypto.js";
import { ProtocolError } from "../../protocol/errors.js";
import { isValidPublicKey, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../../protocol/keys.js";

/** `publicKey`: Ed25519. */
export interface NoteKey {
  readonly name: string;
  readonly publicKey: PublicKey;
}

/** `key`: Ed25519. */
export interface NoteSigner {
  readonly name: string;
  readonly key: Signer;
}

/** Longest note that is read, in UTF-16 units. */
const MAX_NOTE_CHARACTERS = 256 * 1024;
/** Verifiers have to take 16. */
const MAX_SIGNATURES = 64;

/** Signature type of Ed25519. */
const ED25519 = Uint8Array.of(1);
const KEY_ID_BYTES = 4;
const NAME = /^[^\s+]+$/u;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+=*)$/u;
const KEY_TEXT = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u;
/** All control characters but the newline. */
// oxlint-disable-next-line no-control-regex -- these are what it is about
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** The key as it is given to a verifier: `<name>+<key id, 8 hex digits>+<base64 of 0x01 and the key>`. */
export function noteKeyText({ name, publicKey }: NoteKey, crypto: Crypto): string {
  const id = toHex(keyId(name, publicKey, crypto));
  return `${name}+${id}+${base64(concatBytes(ED25519, publicKey.bytes))}`;
}

/** @throws ProtocolError "malformed" */
export function parseNoteKey(text: string, crypto: Crypto): NoteKey {
  const [, name = "", id = "", encoded = ""] = KEY_TEXT.exec(text) ?? [];
  const bytes = fromBase64(encoded);
  const publicKey: PublicKey = { algorithm: "Ed25519", bytes: bytes?.subarray(1) ?? new Uint8Array() };
  const isWhole = bytes?.length === 1 + PUBLIC_KEY_BYTES.Ed25519 && bytes[0] === ED25519[0];
  if (!isWhole || !isValidPublicKey(publicKey)) {
    throw malformed("a verifier key is <name>+<8 hex digits>+<base64>, of an Ed25519 key; copy all of it");
  }
  if (toHex(keyId(name, publicKey, crypto)) !== id) {
    throw malformed("this verifier key was mistyped: its parts do not belong together; copy all of it");
  }
  return { name, publicKey };
}

/** @param text - ends with a newline, and has no other control characters. */
export function signNote(text: string, { name, key }: NoteSigner, crypto: Crypto): string {
  if (!text.endsWith("\n") || CONTROL.test(text) || !NAME.test(name))
    throw new Error("not a text for a note");
  const signature = concatBytes(keyId(name, key.publicKey, crypto), key.sign(utf8(text)));
  return `${text}\n\u2014 ${name} ${base64(signature)}\n`;
}

export interface OpenedNote {
  readonly text: string;
  /** Whose signature it bears: the first of the given keys that has signed. */
  readonly key: NoteKey;
  /** Of known and unknown keys. */
  readonly signatures: number;
}

/**
 * Verifies every signature of a known key; those of other keys are ignored.
 * @throws ProtocolError "malformed"; "wrong-key" when none of `keys` has signed it; "bad-signature" when one of
 *   them seems to have, and has not.
 */
export function openNote(note: string, keys: readonly NoteKey[], crypto: Crypto): OpenedNote {
  const { text, signatures } = parseNote(note);
  const signers = keys.filter((key) => {
    const id = keyId(key.name, key.publicKey, crypto);
    const own = signatures.filter(({ name, bytes }) => name === key.name && startsWith(bytes, id));
    for (const { bytes } of own) {
      if (!crypto.verify(key.publicKey, utf8(text), bytes.subarray(KEY_ID_BYTES)))
        throw new ProtocolError("bad-signature", `the signature of ${key.name} is not for this text`);
    }
    return own.length > 0;
  });
  const [key] = signers;
  if (!key) throw new ProtocolError("wrong-key", "none of the keys that were given has signed this note");
  return { text, key, signatures: signatures.length };
}

interface Signature {
  readonly name: string;
  /** Key id, and what the key made. */
  readonly bytes: Uint8Array;
}

function parseNote(note: string): { readonly text: string; readonly signatures: readonly Signature[] } {
  if (note.length > MAX_NOTE_CHARACTERS)
    throw malformed(`a note has at most ${MAX_NOTE_CHARACTERS} characters`);
  const blank = note.lastIndexOf("\n\n"); // the last empty line: the text may have some too
  if (blank === -1 || CONTROL.test(note) || !note.endsWith("\n")) throw malformed("this is no signed note");
  const lines = note.slice(blank + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw malformed(`a note has at most ${MAX_SIGNATURES} signatures`);
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): Signature {
  const [, name = "", encoded = ""] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = fromBase64(encoded);
  if (!bytes || bytes.length <= KEY_ID_BYTES)
    throw malformed("this is no signed note: a signature cannot be read");
  return { name, bytes };
}

function keyId(name: string, { bytes }: PublicKey, crypto: Crypto): Uint8Array {
  return crypto.sha256(concatBytes(utf8(`${name}\n`), ED25519, bytes)).subarray(0, KEY_ID_BYTES);
}

/** As an Ed25519 signature by this key would. */
function startsWith(bytes: Uint8Array, id: Uint8Array): boolean {
  return bytes.length === KEY_ID_BYTES + SIGNATURE_BYTES && equalBytes(bytes.subarray(0, KEY_ID_BYTES), id);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** RFC 4648 §4, strict: one text for each string of bytes. */
function fromBase64(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  return base64(bytes) === text ? bytes : undefined;
}

function malformed(text: string): ProtocolError {
  return new ProtocolError("malformed", text);
}
