/** What a device has stored, as others are told of it: its memory may be a save ahead of its disk (P4). */
import type { Trust } from "../protocol/authority.js";
import type { Crypto } from "../protocol/crypto.js";
import type { HeldVector } from "../protocol/vector.js";
import { DeviceError } from "./errors.js";
import { openRecord } from "./held.js";
import type { DeviceStore } from "./ports.js";
import { heldVector } from "./state.js";

/** @throws DeviceError "not-born", or as the store does. */
export async function storedIn(
  store: DeviceStore,
  crypto: Crypto,
): Promise<{ readonly holds: HeldVector; readonly trust: Trust }> {
  const stored = await store.load();
  if (!stored)
    throw new DeviceError("not-born", "this store holds no identity: give the device a birth first");
  const { record } = stored;
  const held = openRecord(record, crypto);
  return { holds: heldVector({ held, record }), trust: held.trust };
}
