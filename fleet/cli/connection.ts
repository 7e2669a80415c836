/** Flags that every command to a server has, and how the server and the token are found with them. */
import { join } from "node:path";
import type { CommandContext } from "@stricli/core";
import { lockHolder } from "../adapters/folder-lock.js";
import { readServerFile } from "../adapters/server-file.js";
import { isOperatorName, readToken } from "../adapters/token-folder.js";
import { SETTINGS } from "../operations/settings.js";
import { CliError, EXIT } from "./exit.js";
import { FleetClient } from "./http.js";

/** What a command finds in `this`. */
export interface CliContext extends CommandContext {
  readonly process: NodeJS.Process;
}

export interface ClientFlags {
  readonly data?: string;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly as: string;
  readonly json: boolean;
}

export const dataFlag = {
  kind: "parsed",
  parse: String,
  optional: true,
  placeholder: "dir",
  brief: `Data folder [default: $DAYMARK_DATA, else ${SETTINGS.data.default}]`,
} as const;

export const jsonFlag = {
  kind: "boolean",
  default: false,
  withNegated: false,
  brief: "JSON on stdout, for programs",
} as const;

/** `as` is checked here: it becomes a file name. */
export const clientFlags = {
  data: dataFlag,
  server: {
    kind: "parsed",
    parse: serverUrl,
    optional: true,
    placeholder: "url",
    brief: "API of the server [default: the one that runs on the data folder]",
  },
  tokenFile: {
    kind: "parsed",
    parse: String,
    optional: true,
    placeholder: "file",
    brief: "File that holds your token [default: tokens/<operator> in the data folder]",
  },
  as: {
    kind: "parsed",
    parse: operatorName,
    default: "admin",
    placeholder: "operator",
    brief: "Whose token of the data folder to use",
  },
  json: jsonFlag,
} as const;

export const clientAliases = { j: "json" } as const;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The folder of the fleet within the data folder that a command means. */
export function fleetFolder(data: string | undefined, env: NodeJS.ProcessEnv): string {
  return folderOf(data ?? (env["DAYMARK_DATA"] || SETTINGS.data.default));
}

/** The folder of the fleet within a data folder. */
export function folderOf(data: string): string {
  return join(data, "fleet");
}

/** @throws CliError "unreachable" when no server runs, FleetError when there is no token to use. */
export async function connect(flags: ClientFlags, { process }: CliContext): Promise<FleetClient> {
  const folder = fleetFolder(flags.data, process.env);
  const start = `start it: daymark server run${flags.data === undefined ? "" : ` --data '${flags.data}'`}`;
  const url = flags.server ?? (await runningServer(folder));
  if (url === undefined) throw new CliError(EXIT.unreachable, `no server runs on ${folder}; ${start}`);
  const token = await readToken(flags.tokenFile ?? join(folder, "tokens", flags.as));
  return new FleetClient(new URL(url), token, flags.server === undefined ? start : "check --server");
}

/**
 * The API of the server that has the folder of a fleet open, if one serves. A server that was killed leaves its file
 * behind; whoever has its port now must not get the token.
 */
export async function runningServer(folder: string): Promise<string | undefined> {
  const info = await readServerFile(folder);
  return info && info.pid === (await lockHolder(folder)) ? info.url : undefined;
}

/** A token must not cross a network in the clear. */
function serverUrl(text: string): string {
  const { protocol, hostname, origin } = new URL(text);
  if (protocol === "https:" || (protocol === "http:" && LOOPBACK.test(hostname))) return origin;
  throw new RangeError("use https, or http to this machine only");
}

function operatorName(text: string): string {
  if (!isOperatorName(text)) throw new RangeError("an operator's name has a-z, 0-9 and -, at most 32");
  return text;
}
