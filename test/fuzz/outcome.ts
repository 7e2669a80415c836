/** What may come of bytes that a decoder gets: a value, or a refusal that a program and a log can take. */
import { ProtocolError, type ProtocolErrorCode } from "../../protocol/errors.js";
import { Unacceptable } from "./edge.js";

/** The closed list, as a table, so that a new code has to be entered here. */
const CODES: Readonly<Record<ProtocolErrorCode, true>> = {
  malformed: true,
  "too-large": true,
  "unknown-type": true,
  "unknown-key": true,
  "out-of-range": true,
  "wrong-key": true,
  "bad-signature": true,
  "quorum-missing": true,
  "bad-certificate": true,
};
/** Longest text of a refusal: it stands in logs and in answers. */
const MAX_TEXT_CHARACTERS = 300;

/** @returns the word of `read`, or the code of its refusal. @throws whatever else comes out of it. */
export function outcomeOf(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return codeOf(error);
  }
}

/** @throws the error itself, unless it is a refusal as it should be. */
export function codeOf(error: unknown): string {
  if (!(error instanceof ProtocolError)) throw error;
  if (!Object.hasOwn(CODES, error.code)) throw new Unacceptable(`no such code: ${String(error.code)}`);
  if (!isPlainLine(error.message)) throw new Unacceptable(`a refusal in a text that no log should hold`);
  return error.code;
}

/** One line of a length that can be read, and no character that would forge another. */
export function isPlainLine(text: string): boolean {
  return text.length > 0 && text.length <= MAX_TEXT_CHARACTERS && !/[\p{Cc}\u2028\u2029]/u.test(text);
}
