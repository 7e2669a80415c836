/** The configuration file: a flat map in YAML 1.2, without anchors, aliases or tags, and not large. */
import { lstat, open } from "node:fs/promises";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { FleetError } from "../errors.js";
import {
  type ConfigEntry,
  type FileSettings,
  judgeEntries,
  type Problem,
  type Problems,
  problemText,
} from "../operations/config-entries.js";

const MAX_CONFIG_BYTES = 64 * 1024;
/** Where it is looked for when nobody names one, in turn. */
const HERE = "daymark.yaml";
const USUAL_PATHS = [HERE, "/etc/daymark/daymark.yaml"];

const MORE_THAN_ONE =
  "a second document begins here; a configuration is one: take out what parts it, --- or ...";

/**
 * The file that counts: the one that is named, else the first of the usual ones that is there. A current folder
 * that cannot be entered has none.
 * @param named - by --config or DAYMARK_CONFIG.
 * @throws FleetError "not-found" when the named one is not there; "bad-request" naming every line that is wrong.
 */
export async function readConfig(named: string | undefined): Promise<FileSettings | undefined> {
  for (const path of named === undefined ? USUAL_PATHS : [named]) {
    if (named === undefined && path === HERE && (await isOutOfReach(path))) continue;
    const text = await textOf(path);
    if (text === undefined) continue;
    const judged = judgeConfig(path, text);
    if (!("problems" in judged)) return judged;
    throw new FleetError("bad-request", problemText(path, judged));
  }
  if (named !== undefined) throw new FleetError("not-found", `there is no file ${named}`);
  return undefined;
}

/** What is wrong with a file; nothing is. @throws FleetError "not-found", "bad-request" when it is too long. */
export async function checkConfig(path: string): Promise<readonly Problem[]> {
  const text = await textOf(path);
  if (text === undefined) throw new FleetError("not-found", `there is no file ${path}`);
  const judged = judgeConfig(path, text);
  return "problems" in judged ? judged.problems : [];
}

function judgeConfig(path: string, text: string): FileSettings | Problems {
  const parsed = entriesOf(text);
  return "problems" in parsed ? parsed : judgeEntries(path, parsed.entries);
}

function entriesOf(text: string): { readonly entries: readonly ConfigEntry[] } | Problems {
  const lines = new LineCounter();
  const options = { version: "1.2", schema: "core", uniqueKeys: true, lineCounter: lines } as const;
  const wrong = (at: number, why: string) => ({
    problems: [{ line: lines.linePos(at).line || 1, text: why }],
  });
  let document: ReturnType<typeof parseDocument>;
  try {
    // Not "silent": that hides that there is a second document.
    document = parseDocument(text, { ...options, logLevel: "error", prettyErrors: false });
  } catch {
    return wrong(0, "not YAML, or nested far too deep");
  }
  const [error] = [...document.errors, ...document.warnings];
  if (error?.code === "MULTIPLE_DOCS") return wrong(error.pos[0], MORE_THAN_ONE);
  if (error) return wrong(error.pos[0], error.message);
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { entries: [] };
  if (!isMap(contents)) return wrong(0, "a configuration is lines of the form: key: value");
  const entries = contents.items.map(({ key, value }): ConfigEntry => {
    const at = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
    const name = isScalar(key) && typeof key.value === "string" ? key.value : "(no text)";
    return { key: name, value: valueOf(value as Node | null), line: lines.linePos(at).line };
  });
  return { entries };
}

function valueOf(node: Node | null): ConfigEntry["value"] {
  if (isScalar(node)) return plain(node);
  if (!isSeq(node) || isMarked(node)) return undefined;
  const texts = node.items.map((item) => (isScalar(item) ? plain(item) : undefined));
  // A comma would make two of one.
  return texts.every((text) => typeof text === "string" && !text.includes(","))
    ? (texts as string[])
    : undefined;
}

function plain(node: Node & { value?: unknown }): string | number | boolean | undefined {
  const { value } = node;
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return isPlain && !isMarked(node) ? value : undefined;
}

function isMarked(node: Node & { anchor?: string | undefined }): boolean {
  return node.anchor !== undefined || node.tag !== undefined;
}

/**
 * Whether the folder of `path` cannot be entered: `sudo -u daymark` in /root has no file there for that user. A file
 * that is there and cannot be read is not out of reach, and an error.
 */
async function isOutOfReach(path: string): Promise<boolean> {
  return lstat(path).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === "EACCES",
  );
}

async function textOf(path: string): Promise<string | undefined> {
  const handle = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw new FleetError("bad-request", `${path} cannot be read: ${error.code}`);
  });
  if (!handle) return undefined;
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_CONFIG_BYTES + 1), 0);
    if (bytesRead > MAX_CONFIG_BYTES)
      throw new FleetError("bad-request", `${path} has more than ${MAX_CONFIG_BYTES} bytes`);
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await handle.close();
  }
}
