/** A refusal as a value, for those who go on after it. */
import { ProtocolError } from "./errors.js";

/** What `read` returns, or the ProtocolError that it throws; other errors are mistakes of ours and go on. */
export function orRefusal<T>(read: () => T): T | ProtocolError {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
