/** How values of the event log stand in the API's JSON. */
import { toHex } from "../../protocol/bytes.js";
import { type Base64Url, fromBase64Url } from "../events.js";

/** RFC 3339, UTC, whole seconds. */
export type Timestamp = string;

/** @param seconds - Unix time. */
export function timestamp(seconds: number): Timestamp {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

export function hexOf(bytes: Base64Url): string {
  return toHex(fromBase64Url(bytes));
}

/** A fleet's id, hex, from the hash of its first Authority: the id is where that begins. */
export function fleetIdIn(owner: Base64Url): string {
  return hexOf(owner).slice(0, 32);
}

/** `{ [name]: timestamp }`, or nothing for a time that is not known. */
export function optionalTimestamp<K extends string>(name: K, seconds: number | undefined) {
  return (seconds === undefined ? {} : { [name]: timestamp(seconds) }) as { readonly [key in K]?: Timestamp };
}
