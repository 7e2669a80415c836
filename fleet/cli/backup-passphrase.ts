/**
 * The passphrase of a backup, from a file or an open descriptor: as a word of the command line it would stand in the
 * list of processes and in the shell's history.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { concatBytes } from "../../protocol/bytes.js";
import type { CliContext } from "./connection.js";
import { wholeNumber } from "./device-number.js";
import { CliError, EXIT } from "./exit.js";
import { printLine } from "./output.js";

export interface PassphraseFlags {
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
}

export const passphraseFlags = {
  passphraseFile: {
    kind: "parsed",
    parse: String,
    optional: true,
    placeholder: "file",
    brief: "File whose first and only line is the passphrase",
  },
  passphraseFd: {
    kind: "parsed",
    parse: descriptor,
    optional: true,
    placeholder: "n",
    brief: "The same from a descriptor that the shell has opened; 0: stdin",
  },
} as const;

/** Shorter ones are guessed, however much each guess costs. */
const MIN_CHARACTERS = 12;
const MAX_BYTES = 1024;
const MAX_DESCRIPTOR = 1023;
/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;

/** @throws CliError "usage" for none, or one that will not do; "not found". */
export async function readPassphrase(
  { passphraseFile: path, passphraseFd: fd }: PassphraseFlags,
  { process: { stderr } }: CliContext,
): Promise<string> {
  if ((path === undefined) === (fd === undefined))
    throw new CliError(
      EXIT.usage,
      "say where the passphrase is: --passphrase-file FILE or --passphrase-fd N",
    );
  if (path !== undefined && (await isForOthers(path)))
    printLine(stderr, `others can read ${path}; make it yours alone: chmod 600 '${path}'`);
  const name = path ?? `descriptor ${fd}`;
  const text = textOf(await readAll(path, fd, name), name).replace(/\r?\n$/, "");
  if (/\p{Cc}/u.test(text)) throw new CliError(EXIT.usage, `${name} has more than one line of text`);
  if (Array.from(text).length < MIN_CHARACTERS)
    throw new CliError(EXIT.usage, `the passphrase in ${name} has fewer than ${MIN_CHARACTERS} characters`);
  return text;
}

async function readAll(path: string | undefined, fd: number | undefined, name: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  // Not closed: if nobody has opened it for us, it may be one that Node needs.
  const options = fd === undefined ? {} : { fd, autoClose: false };
  try {
    for await (const piece of createReadStream(path ?? "", options)) {
      pieces.push(piece as Uint8Array);
      size += (piece as Uint8Array).length;
      if (size > MAX_BYTES) throw new CliError(EXIT.usage, `${name} has more than ${MAX_BYTES} bytes`);
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new CliError(EXIT.notFound, `there is no file ${name}`, { cause: error });
    throw new CliError(EXIT.usage, `${name} cannot be read (${code}): is it open?`, { cause: error });
  }
  return concatBytes(...pieces);
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CliError(EXIT.usage, `${name} has bytes that are no text`);
  }
}

/** Of a regular file: a pipe has nobody else. */
async function isForOthers(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.isFile() && (found.mode & OTHERS) !== 0;
}

/** @throws RangeError */
function descriptor(text: string): number {
  const fd = wholeNumber(text);
  if (fd === 1 || fd === 2 || fd > MAX_DESCRIPTOR) throw new RangeError("0, or 3 and above");
  return fd;
}
