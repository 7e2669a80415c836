/** Bytes changed by someone who knows nothing of what they mean, but what lengths and edges look like. */
import { concatBytes } from "../../protocol/bytes.js";
import { type Draw, pick } from "./draw.js";

/** Changes that pile up in one input. */
const MOST_CHANGES = 4;
/** Longest stretch that is cut out, doubled or overwritten. */
const MAX_STRETCH = 64;
/** Bytes at which a length, a type or a sign changes its meaning somewhere. */
const EDGES = [
  0, 1, 0x17, 0x18, 0x1f, 0x20, 0x2f, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xbf, 0xd2, 0xfe, 0xff,
];

/** @param others - what parts are taken from; must not be empty. @returns another byte string, seldom the same. */
export function mutateBytes(bytes: Uint8Array, others: readonly Uint8Array[], draw: Draw): Uint8Array {
  let changed = bytes;
  for (let count = 1 + draw(MOST_CHANGES); count > 0; count--) changed = changeOnce(changed, others, draw);
  return changed;
}

function changeOnce(bytes: Uint8Array, others: readonly Uint8Array[], draw: Draw): Uint8Array {
  const at = draw(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  const stretch = 1 + draw(MAX_STRETCH);
  switch (draw(9)) {
    case 0:
      return concatBytes(before, Uint8Array.of((after[0] ?? 0) ^ (1 << draw(8))), after.subarray(1));
    case 1:
      return concatBytes(before, Uint8Array.of(pick(draw, EDGES)), after.subarray(1));
    case 2:
      return concatBytes(before, Uint8Array.of(pick(draw, EDGES)), after);
    case 3: // off by a little: a length that lies
      return concatBytes(before, Uint8Array.of(((after[0] ?? 0) + draw(5) - 2) & 0xff), after.subarray(1));
    case 4:
      return concatBytes(before, after.subarray(stretch));
    case 5:
      return concatBytes(before, after.subarray(0, stretch), after);
    case 6:
      return concatBytes(before, noise(stretch, draw), after.subarray(stretch));
    case 7: {
      const other = pick(draw, others);
      return concatBytes(before, other.subarray(draw(other.length + 1)));
    }
    default:
      return before;
  }
}

export function noise(size: number, draw: Draw): Uint8Array {
  return Uint8Array.from({ length: size }, () => draw(256));
}
