/** What a device's own storage could not do. One closed list for every store in this folder. */
export type DeviceErrorCode =
  | "storage-failed" // the disk refused; what was stored before still stands
  | "storage-damaged" // the disk gives back something else than was written
  | "no-key" // no key of this name
  | "key-exists" // a key of this name is there, and is never replaced
  | "bad-name"; // not a name a key can have

/**
 * A request to a store that was not carried out. `message` is safe to log: it holds no key material and
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
