/** Exports as files: read and verified line by line, written whole or not at all. */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { dirname } from "node:path";
import { FILE_MODE, type NewFile, nodeDisk, temporaryName } from "../../protocol/adapters/atomic-file.js";
import { utf8 } from "../../protocol/bytes.js";
import { linesOf } from "../audit/export-lines.js";
import { ExportVerifier, type Verdict, type VerifyOptions } from "../audit/verify.js";
import { CliError, EXIT } from "./exit.js";
import { assertReplaceable } from "./files.js";
import { printLine } from "./output.js";

/** Records between two lines about how far it is. */
const PROGRESS_RECORDS = 50_000;
/** What is written at once, at least. */
const CHUNK_CHARACTERS = 64 * 1024;

/** @param chunks - of an export. @param said - where progress goes. */
export async function verifyExport(
  chunks: AsyncIterable<Uint8Array>,
  options: VerifyOptions,
  said: NodeJS.WriteStream,
): Promise<Verdict> {
  const verifier = new ExportVerifier(options);
  let told = 0;
  for await (const line of linesOf(chunks)) {
    verifier.take(line);
    if (verifier.records < told + PROGRESS_RECORDS) continue;
    told = verifier.records;
    printLine(said, `${told} records so far`);
  }
  return verifier.end();
}

/** @param path - `-`: stdin. @throws CliError "not found" when reading begins. */
export async function* fileChunks(path: string, { stdin }: NodeJS.Process): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of path === "-" ? stdin : createReadStream(path)) yield chunk as Uint8Array;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new CliError(EXIT.notFound, `there is no file ${path}`, { cause });
  }
}

/**
 * The lines of an export as bytes again, some at a time. JSON that was written from values once is written so
 * again; were it not, the verifier would say so.
 */
export async function* exportChunks(lines: AsyncIterable<object>): AsyncGenerator<Uint8Array, void> {
  let text = "";
  for await (const line of lines) {
    text += `${JSON.stringify(line)}\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield utf8(text);
    text = "";
  }
  yield utf8(text);
}

/** Hands on what it is given, once it is written to `stream`. */
export async function* alsoTo(
  stream: NodeJS.WritableStream,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    if (!stream.write(chunk)) await once(stream, "drain");
    yield chunk;
  }
}

/**
 * Writes beside `path`, and renames once `work` is done with what was written: a file of that name is whole.
 * @param work - given the chunks, each after it was written; when it throws, nothing is left.
 * @throws CliError "usage" for a path that is no file's.
 */
export async function writtenTo<T>(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  work: (written: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  await assertReplaceable(path);
  const unfinished = temporaryName(path);
  try {
    await nodeDisk.remove(unfinished); // left by a power cut
    const file = await nodeDisk.create(unfinished, FILE_MODE);
    let result: T;
    try {
      result = await work(alsoToFile(file, chunks));
      await file.sync();
    } finally {
      await file.close();
    }
    await nodeDisk.rename(unfinished, path);
    await nodeDisk.syncFolder(dirname(path));
    return result;
  } catch (error) {
    await nodeDisk.remove(unfinished).catch(() => undefined);
    throw error;
  }
}

async function* alsoToFile(
  file: NewFile,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    await file.write(chunk);
    yield chunk;
  }
}
