/**
 * One device as a line of text: what it has stored and its keys. So it goes to the process that plays it,
 * and into a batch file.
 */
import { randomBytes } from "node:crypto";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { decodeState, encodeState } from "../../device/adapters/state-file.js";
import type { DeviceRecord } from "../../device/record.js";
import { toHex } from "../../protocol/bytes.js";
import type { Entropy } from "../../protocol/crypto.js";
import { z } from "zod";
import { SwarmError } from "./errors.js";
import { SwarmKeyStore } from "./key-store.js";

export interface Identity {
  readonly number: number;
  /** Hex: of the fleet that owns it. */
  readonly fleetId: string;
  readonly store: MemoryDeviceStore;
  readonly keys: SwarmKeyStore;
}

/** A device that is written down. */
export interface Written {
  readonly number: number;
  readonly line: string;
}

/** Longest line: a device record with a large ledger, and its keys. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

export const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));

/** `state`: text of a state file, with its hash. */
const Line = z.strictObject({ state: z.string(), keys: z.record(z.string(), z.string()) });

export async function writeIdentity({ store, keys }: Pick<Identity, "store" | "keys">): Promise<Written> {
  const stored = await store.load();
  if (!stored) throw new Error("a device of a swarm was born before it is written down");
  const { record } = stored;
  const state = new TextDecoder().decode(encodeState({ saves: 1, generation: 1, record }));
  const line = JSON.stringify({ state, keys: keys.pems() } satisfies z.infer<typeof Line>);
  return { number: record.number, line };
}

/** @throws SwarmError "bad-batch" */
export async function readIdentity(text: string): Promise<Identity> {
  const { record, keys } = parse(text);
  const store = new MemoryDeviceStore();
  await store.save(record);
  return { number: record.number, fleetId: toHex(record.fleetId), store, keys };
}

function parse(text: string): { readonly record: DeviceRecord; readonly keys: SwarmKeyStore } {
  if (text.length > MAX_LINE_BYTES) throw damaged("it is too long");
  try {
    const { state, keys } = Line.parse(JSON.parse(text));
    const record = decodeState(new TextEncoder().encode(state))?.record;
    if (!record) throw damaged("its record does not match its hash");
    return { record, keys: new SwarmKeyStore(entropy, keys) };
  } catch (cause) {
    if (cause instanceof SwarmError) throw cause;
    throw damaged("it is no record with keys", cause); // the cause may quote a key: it stays local
  }
}

function damaged(why: string, cause?: unknown): SwarmError {
  return new SwarmError("bad-batch", `a line is not a device that --save wrote: ${why}`, { cause });
}
