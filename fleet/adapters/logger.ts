/** What a server or gateway says while it runs, on one stream: words for people, or JSON lines for programs. */
import { type Logger as Pino, pino, stdTimeFunctions } from "pino";
import { allowedFields, errorFields, type LogFields, logWords } from "../operations/log-fields.js";
import { LOG_EVENTS, type LogEventName, type LogLevel } from "../operations/log-events.js";
import type { Program } from "../operations/settings.js";

export interface LoggerOptions {
  readonly stream: NodeJS.WritableStream;
  readonly format: "text" | "json";
  /** The least that is told. */
  readonly level: LogLevel;
  readonly service: Program;
}

export interface Logger {
  say(event: LogEventName, words: string, fields?: LogFields): void;
  /** @param what - who has it, such as "API"; people also get the error's own text. */
  problem(event: LogEventName, what: string, error: unknown): void;
  /** Every JSON line from now on names the fleet. @param id - 32 hex digits. */
  ofFleet(id: string): void;
}

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** @param errorText - an error in the words of this program, for people. */
export function openLogger(options: LoggerOptions, errorText: (error: unknown) => string): Logger {
  return options.format === "json" ? jsonLogger(options) : textLogger(options, errorText);
}

function textLogger({ stream, level: least }: LoggerOptions, errorText: (error: unknown) => string): Logger {
  const write = (event: LogEventName, text: string): void => {
    if (ORDER[LOG_EVENTS[event].level] >= ORDER[least]) stream.write(`${text}\n`);
  };
  return {
    say: (event, words) => write(event, logWords(words)),
    // A stack has lines: the text of an error is printable as it comes.
    problem: (event, what, error) => write(event, `${what}: ${errorText(error)}`),
    ofFleet: () => undefined,
  };
}

function jsonLogger({ stream, level, service }: LoggerOptions): Logger {
  let lines: Pino = pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // What is passed is on the list already; nothing of pino's own is added to it.
      serializers: {},
    },
    stream,
  );
  const write = (event: LogEventName, words: string, fields: LogFields): void =>
    lines[LOG_EVENTS[event].level]({ event, ...allowedFields(fields) }, "%s", logWords(words));
  return {
    say: (event, words, fields = {}) => write(event, words, fields),
    problem(event, what, error) {
      const { words, fields } = errorFields(error);
      write(event, `${what}: ${words}`, fields);
    },
    ofFleet: (id) => void (lines = lines.child({ fleet: id })),
  };
}
