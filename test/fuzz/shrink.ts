/** Makes an input smaller that fails, as long as it fails in the same way. */
import type { Input } from "./edge.js";

/** Tries in all: some inputs take a connection each. */
const MAX_TRIES = 400;

/** @param fails - how this input fails, in words that are the same for the same fault; undefined: it does not. */
export async function shrink(
  input: Input,
  fails: (input: Input) => Promise<string | undefined>,
): Promise<Input> {
  const fault = await fails(input);
  let [smallest, tries] = [input, 0];
  for (let again = fault !== undefined; again;) {
    again = false;
    for (const smaller of smallerThan(smallest)) {
      if (++tries > MAX_TRIES) return smallest;
      if ((await fails(smaller)) !== fault) continue;
      smallest = smaller;
      again = true;
      break;
    }
  }
  return smallest;
}

/** Without a part, or without a stretch of one; the largest steps first. */
function* smallerThan({ target, parts }: Input): Generator<Input, void> {
  for (let i = 0; i < parts.length && parts.length > 1; i++) yield { target, parts: parts.toSpliced(i, 1) };
  const longest = Math.max(0, ...parts.map(({ length }) => length));
  for (let size = longest; size >= 1; size = Math.floor(size / 2))
    for (const [i, part] of parts.entries())
      for (let at = 0; at < part.length && size <= part.length; at += size) {
        const rest = Uint8Array.from([...part.subarray(0, at), ...part.subarray(at + size)]);
        yield { target, parts: parts.with(i, rest) };
      }
}
