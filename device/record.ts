/** What a device must not forget. (Being written; plain data: numbers, strings, booleans, Uint8Array, arrays, objects.) */
export type DeviceRecord = Record<string, unknown>;
