/** Why the fleet service did not do what it was asked. One closed list for logs, the HTTP API and the CLI. */
export type FleetErrorCode =
  | "conflict" // decided on an older state: read again, decide again
  | "storage-failed" // the disk did not take it, or gives back something else than was written
  | "fenced" // the log is behind, or other than, what is proven: nobody signs until `daymark recover`
  | "unreachable" // the log does not answer: try again, the request may have been carried out
  | "overloaded" // a named bound on waiting work is reached: try again later
  | "not-found"
  | "denied" // this actor may not do this
  | "bad-request" // outside a declared bound or shape
  | "approval-needed"; // one actor is not enough for this act

/**
 * A request that was not carried out; nothing of it is stored. `message` is safe to show: it holds no
 * keys, tokens or payload. `options.cause` stays local, for our own logs.
 */
export class FleetError extends Error {
  readonly code: FleetErrorCode;
  constructor(code: FleetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "FleetError";
    this.code = code;
  }
}
