/** Why a gateway that is a process of its own has no answer from its fleet. */
import { BusError } from "../../protocol/bus.js";
import { ProtocolError } from "../../protocol/errors.js";

export type LinkErrorCode =
  | "link-down" // no service can be asked at this moment
  | "link-moved" // this service goes, and another one may be there
  | "link-busy" // more waits for the service than may
  | "service-failed"; // it was asked, and could not

/** A question without an answer. `message` is safe to log. */
export class LinkError extends Error {
  readonly code: LinkErrorCode;
  constructor(code: LinkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LinkError";
    this.code = code;
  }
}

/** Of what went wrong between gateway and service on a bus. @throws what was not foreseen. */
export function linkErrorOf(error: unknown): LinkError {
  if (error instanceof LinkError) return error;
  if (error instanceof BusError && error.code === "no-responder")
    return new LinkError("link-down", `no service of this fleet is there (${error.message})`, {
      cause: error,
    });
  if (error instanceof BusError || error instanceof ProtocolError)
    return new LinkError("link-down", error.message, { cause: error });
  throw error;
}
