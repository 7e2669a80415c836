/**
 * What may stand in a log line. It is a list of what is allowed: a field that nobody thought of stays out, and with
 * it whatever it holds.
 */
import { BusError } from "../../protocol/bus.js";
import { ProtocolError } from "../../protocol/errors.js";
import { FleetError } from "../errors.js";

/** Beside the words; none of it is chosen by a peer, none of it is secret. */
export interface LogFields {
  /** Of an error, from one of our closed lists or the system's. */
  readonly code?: string;
  /** Of a record in the log. */
  readonly position?: number;
  /** A fact's name, such as "lease-issued". */
  readonly fact?: string;
  /** Number of a device. */
  readonly device?: number;
  /** Pid of a gateway process that this one has started. */
  readonly process?: number;
  readonly api?: string;
  readonly gateway?: string;
  readonly health?: string;
  /** Where a mistake of ours came up: file and line of the innermost calls. */
  readonly stack?: string;
}

const ALLOWED: { readonly [Name in keyof LogFields]-?: "string" | "number" } = {
  code: "string",
  position: "number",
  fact: "string",
  device: "number",
  process: "number",
  api: "string",
  gateway: "string",
  health: "string",
  stack: "string",
};
const MAX_FIELD = 512;
const MAX_WORDS = 1_024;
/** Of the stack of a mistake. */
const MAX_CALLS = 6;

/** Only what is on the list and of its type; texts printable and cut. */
export function allowedFields(fields: LogFields): LogFields {
  const kept = Object.entries(fields).flatMap(([name, value]) => {
    if (!Object.hasOwn(ALLOWED, name) || typeof value !== ALLOWED[name as keyof LogFields]) return [];
    return [[name, typeof value === "string" ? printed(value, MAX_FIELD) : (value as unknown)]];
  });
  return Object.fromEntries(kept) as LogFields;
}

export function logWords(text: string): string {
  return printed(text, MAX_WORDS);
}

/**
 * An error as a log may tell it. The texts of our own errors are written to be shown; those of others may quote what
 * they were given, so of them only the kind, the code and the place are told.
 */
export function errorFields(error: unknown): { readonly words: string; readonly fields: LogFields } {
  if (error instanceof FleetError || error instanceof ProtocolError || error instanceof BusError)
    return { words: error.message, fields: { code: error.code } };
  if (!(error instanceof Error)) return { words: "something that is no error was thrown", fields: {} };
  const { code } = error as { code?: unknown };
  if (typeof code === "string") return { words: `${error.name} ${code}`, fields: { code } };
  const calls = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const stack = calls
    .slice(0, MAX_CALLS)
    .map((line) => line.trim())
    .join("; ");
  return { words: `a mistake of ours: ${error.name}`, fields: { code: "internal", stack } };
}

/** No control character reaches the reader's terminal, no half of a surrogate pair its parser. */
function printed(text: string, most: number): string {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "?");
  return clean.length > most ? `${clean.slice(0, most)}…` : clean;
}
