/** Command lines with words changed. No word names a place outside the folder in which they run. */
import { utf8 } from "../../../protocol/bytes.js";
import { type Draw, pick } from "../draw.js";
import type { Input } from "../edge.js";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateText } from "../mutate-text.js";
import { LINES } from "./commands.js";

/** What the file `in.bin` holds, changed or not. */
const FILE = "in.bin";
const WORDS = [
  "-",
  "--",
  "-j",
  "--json",
  "--no-json",
  "--help",
  "--version",
  "--out",
  "--key",
  "--data=data",
  "--server=http://127.0.0.1:1",
  "--as",
  "0",
  "1e3",
  "4294967296",
  "",
  ".",
  "camera",
  FILE,
  "token",
  "hold.pem",
];

/** @param facts - what stands for each `@name`. @param files - what `in.bin` may hold. */
export function lineDrawer(
  facts: Readonly<Record<string, string>>,
  files: readonly Uint8Array[],
): (draw: Draw) => Input {
  const lines = LINES.map((line) => line.split(" ").map((word) => facts[word.replace(/^@/, "")] ?? word));
  return (draw) => {
    const words = pick(draw, lines);
    const reads = words.includes(FILE);
    const file = pick(draw, files);
    const changeFile = reads && draw(3) > 0;
    const said = draw(4) > (changeFile ? 0 : 2) ? words : mutateWords(words, lines.flat(), draw);
    const content = changeFile ? mutateBytes(file, files, draw) : file;
    return { target: reads ? "file" : "words", parts: [content, ...said.map((word) => utf8(kept(word)))] };
  };
}

function mutateWords(words: readonly string[], all: readonly string[], draw: Draw): readonly string[] {
  const at = draw(words.length + 1);
  switch (draw(7)) {
    case 0:
      return words.toSpliced(at, 1);
    case 1:
      return words.toSpliced(at, 0, pick(draw, WORDS));
    case 2:
      return words.toSpliced(at, 1, pick(draw, WORDS));
    case 3:
      return words.toSpliced(at, 0, pick(draw, all));
    case 4:
      return words.toSpliced(at, 0, ...words.slice(0, at));
    default:
      return words.map((word, i) => (i === at % words.length ? mutateText(word, all, draw) : word));
  }
}

/** A word is often a path, and commands write: nothing above this folder, and nothing from the root. */
function kept(word: string): string {
  return /^[\w-]*=?https?:/.test(word) ? word : word.replaceAll("..", ".").replace(/^([\w-]*=)?\/+/, "$1");
}
