/** Why a swarm could not run, or had to stop. A claim that did not hold is no error: it is in the report. */

export type SwarmErrorCode =
  | "bad-settings" // more than a process, an address or the machine takes
  | "bad-batch" // a file that is no batch, or one of another fleet
  | "no-births" // the station gave no papers
  | "no-gateways" // there is no gateway process that could be killed
  | "worker-died"
  | "fleet-died"
  | "stopped"; // by a signal

/** `message` says what to do. It holds no key material. */
export class SwarmError extends Error {
  readonly code: SwarmErrorCode;
  constructor(code: SwarmErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SwarmError";
    this.code = code;
  }
}
