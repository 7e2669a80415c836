/** Device numbers on the command line. */
export const numberParameter = {
  brief: "Number of a device, as `daymark device list` shows it",
  parse: deviceNumber,
  placeholder: "number",
} as const;

/** @throws RangeError */
export function deviceNumber(text: string): number {
  const number = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > 0xffff_ffff) throw new RangeError("a device number is 1 to 4294967295");
  return number;
}

/** @throws RangeError */
export function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new RangeError("not a whole number");
  return Number(text);
}
