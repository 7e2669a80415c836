/**
 * Command lines, and the files that commands read: whatever is said, a command ends with a number of the list
 * that --help names, and says in one line what was wrong.
 */
import { writeFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { runDaymark } from "../../../fleet/cli/application.js";
import { EXIT } from "../../../fleet/cli/exit.js";
import { joinBundle, MAX_BUNDLE_ITEMS } from "../../../protocol/bundle.js";
import { looksSigned } from "../../../protocol/cose.js";
import { toHex } from "../../../protocol/bytes.js";
import { ROUTES } from "../cli/commands.js";
import { type WorkFolder, workFolder } from "../cli/folder.js";
import { lineDrawer } from "../cli/lines.js";
import { type Edge, Unacceptable } from "../edge.js";
import { HttpStage } from "../http/stage.js";
import { makeWorld, type World } from "../payload/world.js";

/** Command lines after which the folder is laid out anew. */
const LINES_OF_ONE_FOLDER = 200;
/** Of a text that is said on stderr, beside the words that it quotes. */
const MAX_LINE_CHARACTERS = 500;
const STACK_TRACE = /^\s+at .+:\d+:\d+\)?$/m;
const DOCUMENTED: readonly number[] = Object.values(EXIT);

export const cliEdge: Edge = {
  name: "cli",
  async open() {
    const world = await makeWorld();
    const stage = await HttpStage.open(world);
    const { url, act, fleet } = {
      url: stage.fleet.url,
      act: stage.facts.act,
      fleet: toHex(world.home.service.trust.fleetId),
    };
    const folder = await workFolder(world, stage.fleet.admin);
    const draw = lineDrawer({ url, act, fleet }, filesOf(world));
    let lines = 0;
    return {
      draw,
      async attempt({ parts: [file = new Uint8Array(), ...words] }) {
        if (lines++ % LINES_OF_ONE_FOLDER === 0) await folder.reset();
        await writeFile("in.bin", file);
        const said = words.map((word) => new TextDecoder().decode(word));
        return judge(await daymark(said), said.join(" ").length);
      },
      close: () => closeAll(folder, stage),
    };
  },
};

async function closeAll(folder: WorkFolder, stage: HttpStage): Promise<void> {
  await folder.remove();
  await stage.close();
}

/** Of every kind that some command reads. */
function filesOf({ home, documents, handover, arrival }: World): readonly Uint8Array[] {
  const signed = documents.filter(looksSigned);
  const asked = home.sailors.flatMap(({ up }) => up);
  return [
    home.founding,
    handover,
    joinBundle(arrival),
    joinBundle(signed.slice(0, MAX_BUNDLE_ITEMS)),
    joinBundle(asked),
    ...signed.slice(0, 6),
    ...asked.slice(0, 6),
  ];
}

interface Ended {
  readonly exitCode: unknown;
  readonly stderr: string;
}

/** In this process, with streams of its own; nobody says anything on its stdin. */
async function daymark(words: readonly string[]): Promise<Ended> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  stdout.resume();
  const heard: Buffer[] = [];
  stderr.on("data", (piece: Buffer) => heard.push(piece));
  const env = { ...process.env, DAYMARK_DATA: "data" };
  const own = Object.getOwnPropertyDescriptors({ stdin, stdout, stderr, env, exitCode: undefined });
  const like = Object.create(process, own) as NodeJS.Process; // the rest is this process's
  await runDaymark(ROUTES, words, like);
  await new Promise((resolve) => stderr.end(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  return { exitCode: like.exitCode, stderr: Buffer.concat(heard).toString("utf8") };
}

function judge({ exitCode, stderr }: Ended, said: number): string {
  if (typeof exitCode !== "number" || !DOCUMENTED.includes(exitCode))
    throw new Unacceptable(`ended with ${String(exitCode)}: ${stderr.slice(0, 400)}`);
  if (STACK_TRACE.test(stderr)) throw new Unacceptable(`a stack trace: ${stderr.slice(0, 800)}`);
  if (exitCode === EXIT.ok) return "0";
  const line = stderr.trimEnd().split("\n").at(-1) ?? "";
  if (line === "" || line.length > MAX_LINE_CHARACTERS + said || /[\p{Cc}\u2028\u2029]/u.test(line))
    throw new Unacceptable(`its last line cannot be read: ${JSON.stringify(stderr.slice(0, 400))}`);
  return String(exitCode);
}
