/**
 * Files that were written well and have been changed since: by a bad disk, a half copy, a hand. What is read is
 * what was stored, newest or one before, or an error that says what to do; never something in between.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeviceError } from "../../../device/errors.js";
import { FleetError } from "../../../fleet/errors.js";
import { codeOf, isPlainLine } from "../outcome.js";
import { type Edge, type Input, Unacceptable } from "../edge.js";
import { storedFiles, type StoredFile } from "../files/stored.js";
import { mutateBytes } from "../mutate-bytes.js";
import { makeWorld } from "../payload/world.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { pick } from "../draw.js";

/** Paths of this machine stand in such texts. */
const MAX_TEXT = 400;

export const filesEdge: Edge = {
  name: "files",
  async open() {
    const folder = await mkdtemp(join(tmpdir(), "daymark-fuzz-"));
    const files = await storedFiles(folder, await makeWorld());
    const originals = new Map<string, Uint8Array>();
    for (const { name, path } of files) originals.set(name, new Uint8Array(await readFile(path)));
    const all = [...originals.values()];
    return {
      draw(draw): Input {
        const { name } = pick(draw, files);
        const original = originals.get(name) ?? new Uint8Array();
        return { target: name, parts: [draw(40) === 0 ? original : mutateBytes(original, all, draw)] };
      },
      async attempt({ target, parts: [bytes = new Uint8Array()] }) {
        const file = files.find(({ name }) => name === target);
        const original = originals.get(target);
        if (!file || !original) throw new Unacceptable(`there is no such file: ${target}`);
        await writeFile(file.path, bytes);
        const same = Buffer.from(bytes).equals(original);
        try {
          return await open(file, same);
        } finally {
          await writeFile(file.path, original);
        }
      },
      close: () => rm(folder, { recursive: true, force: true }),
    };
  },
};

async function open(file: StoredFile, same: boolean): Promise<string> {
  try {
    const word = await file.read();
    if (same && word !== file.whole) throw new Unacceptable(`as it was written, it is read as ${word}`);
    return word;
  } catch (error) {
    const word = refusalOf(error);
    if (same) throw new Unacceptable(`as it was written, it is refused: ${word}`, { cause: error });
    return word;
  }
}

function refusalOf(error: unknown): string {
  if (error instanceof ProtocolError) return codeOf(error);
  const ours = error instanceof FleetError || error instanceof DeviceError;
  if (!ours) throw error;
  if (!isPlainLine(error.message.slice(0, MAX_TEXT)))
    throw new Unacceptable("a text that no log should hold");
  return error.code;
}
