/** What a device could not do. One closed list for its stores and its library. */
export type DeviceErrorCode =
  | "storage-failed" // the disk refused; what was stored before still stands
  | "storage-damaged" // the disk gives back something else than was written
  | "no-key" // no key of this name
  | "key-exists" // a key of this name is there, and is never replaced
  | "bad-name" // not a name that a key or a topic can have
  | "outbox-full" // too many application messages wait
  | "bad-ticket" // a ticket has 32 bytes
  | "too-large" // an application message that no gateway takes
  | "other-owner" // another fleet owns the device now, and this was for the one before
  | "stopped" // the device was stopped
  | "not-born" // no identity yet
  | "identity-lost" // the key of the IDevID is gone or damaged: only a new birth helps
  | "birth-refused"; // what the station gave does not prove itself

/**
 * A request that was not carried out. `message` is safe to log: it holds no key material and
 * no state. `options.cause` stays local, for our own logs.
 */
export class DeviceError extends Error {
  readonly code: DeviceErrorCode;
  constructor(code: DeviceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DeviceError";
    this.code = code;
  }
}
