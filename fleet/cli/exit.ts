/** How a command ends: one number for scripts, one text for people that says what to do next. */
import { finalName } from "../../protocol/adapters/atomic-file.js";
import { FleetError, type FleetErrorCode } from "../errors.js";
import { printable } from "./output.js";

export const EXIT = {
  ok: 0,
  failed: 1,
  /** The command line, or a value in it, is not what the command takes. */
  usage: 2,
  notFound: 3,
  denied: 4,
  /** Somebody was first, or a second person is needed. */
  conflict: 5,
  /** What was to be checked does not hold. */
  notVerified: 7,
  unreachable: 8,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export class CliError extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

const FLEET_EXIT: Record<FleetErrorCode, ExitCode> = {
  conflict: EXIT.conflict,
  "approval-needed": EXIT.conflict,
  "not-found": EXIT.notFound,
  denied: EXIT.denied,
  "bad-request": EXIT.usage,
  "storage-failed": EXIT.failed,
  fenced: EXIT.failed,
  unreachable: EXIT.unreachable,
  overloaded: EXIT.failed,
};

/** The exit code of what a command threw. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  return error instanceof FleetError ? FLEET_EXIT[error.code] : EXIT.failed;
}

/** The text of what a command threw: errors with a code were written for people, others are mistakes of ours. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isSystemError(error)) return printable(systemErrorText(error));
  const foreseen = error instanceof CliError || "code" in error;
  return foreseen ? printable(error.message) : (error.stack ?? error.message);
}

type SystemError = Error & { readonly code: string; readonly path?: string; readonly dest?: string };

function isSystemError(error: Error): error is SystemError {
  return "syscall" in error && "code" in error && typeof error.code === "string";
}

const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EISDIR: "it is a folder; name a file",
  ENOTDIR: "it is in no folder: what is named above it is a file",
  EACCES: "this user may not; mend its owner or mode",
  EPERM: "this user may not; mend its owner or mode",
  EROFS: "its disk can only be read",
  ENOSPC: "its disk is full",
};

/** The system names what was asked last, which may be a file that we make beside the one that somebody named. */
function systemErrorText({ code, path, dest, message }: SystemError): string {
  const words = SYSTEM_WORDS[code];
  const name = dest ?? path;
  return words === undefined || name === undefined ? message : `${finalName(name)}: ${words} (${code})`;
}
