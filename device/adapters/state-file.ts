/** A device record as the text of a file, with what says which of two files is the newer, and whether it counts. */
import type { DeviceRecord } from "../record.js";
import { decodeChecked, encodeChecked, type Plain } from "./checked-json.js";

export interface StateFile {
  /** Grows with each save: of two files the one with more is the newer. */
  readonly saves: number;
  /** What the counter shows once this one is saved. The same number, unless the counter was once taken back. */
  readonly generation: number;
  readonly record: DeviceRecord;
}

/** @throws TypeError, RangeError as `encodeChecked` does. */
export function encodeState({ saves, generation, record }: StateFile): Uint8Array {
  return encodeChecked({ saves, generation, record });
}

/** Undefined unless `bytes` are exactly what `encodeState` gives. */
export function decodeState(bytes: Uint8Array): StateFile | undefined {
  const body = decodeChecked(bytes);
  return body && stateIn(body);
}

/** The state in what was read; undefined for a file of another kind. */
export function stateIn({ saves, generation, record }: Plain): StateFile | undefined {
  const isState =
    Number.isSafeInteger(saves) &&
    Number.isSafeInteger(generation) &&
    typeof record === "object" &&
    record !== null;
  return isState ? ({ saves, generation, record } as StateFile) : undefined;
}
