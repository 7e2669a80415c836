/** One command line: which command it means, and the number that it ends with. */
import {
  buildApplication,
  buildRouteMap,
  type Command,
  ExitCode,
  type RouteMap,
  run,
  type StricliProcess,
  text_en,
} from "@stricli/core";
import type { CliContext } from "./connection.js";
import { errorText, EXIT, exitCodeOf } from "./exit.js";
import { printable } from "./output.js";

export type Routes = Readonly<Record<string, RouteMap<CliContext> | Command<CliContext>>>;

/** Runs the command that `inputs` name, prints what it throws, and sets the exit code of `process`. */
export async function runDaymark(
  routes: Routes,
  inputs: readonly string[],
  process: NodeJS.Process,
): Promise<void> {
  // Node types `exitCode` with undefined, stricli without: the same property.
  await run(application(routes), inputs, { process: process as NodeJS.Process & StricliProcess });
  process.exitCode = exitCodeOfStricli(Number(process.exitCode));
}

function application(routes: Routes) {
  const docs = {
    brief: "Identity, revocation and quarantine for devices that are dark most of the time",
    fullDescription: [
      "Commands look for the server on the data folder: --data, else $DAYMARK_DATA, else ./daymark-data.",
      "Data goes to stdout, everything else to stderr; -j prints JSON; times are RFC 3339, UTC.",
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 5 conflict or approval needed, 7 not verified, 8 unreachable.",
    ].join("\n"),
  };
  const exceptionWhileRunningCommand = (error: unknown) => `daymark: ${errorText(error)}`;
  return buildApplication(buildRouteMap({ routes, docs }), {
    name: "daymark",
    scanner: { caseStyle: "allow-kebab-for-camel" },
    documentation: { caseStyle: "convert-camel-to-kebab" },
    determineExitCode: exitCodeOf,
    localization: { text: { ...text_en, ...REFUSALS, exceptionWhileRunningCommand } },
  });
}

/** stricli's words, which quote the command line: a script may have put there what somebody else has written. */
const REFUSALS: Pick<typeof text_en, "exceptionWhileParsingArguments" | "noCommandRegisteredForInput"> = {
  exceptionWhileParsingArguments: (error, ansiColor) =>
    printable(text_en.exceptionWhileParsingArguments(error, ansiColor)),
  noCommandRegisteredForInput: (said) => printable(text_en.noCommandRegisteredForInput(said)),
};

/** stricli ends with negative numbers when it cannot make sense of the command line. */
function exitCodeOfStricli(code: number): number {
  if (code === ExitCode.UnknownCommand || code === ExitCode.InvalidArgument) return EXIT.usage;
  return code < 0 ? EXIT.failed : code;
}
