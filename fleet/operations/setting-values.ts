/** What a setting may be: each takes it as text, and returns the value or says what it has to be. */

/** What stands in a configuration file for it. */
export type SettingShape = "text" | "number" | "boolean" | "list";

/** A value as a flag, a variable or a file gives it. */
export interface ValueType<T> {
  readonly shape: SettingShape;
  /** All that it can be, where that is a few words. */
  readonly words?: readonly string[];
  /** @throws RangeError that says what it has to be. */
  parse(text: string): T;
}

/** Gateway processes of one command: more than there are cores gain nothing. */
export const MAX_PROCESSES = 16;
/** Copies that a JetStream stream can have. */
const MAX_REPLICAS = 5;
const MAX_TEXT = 1_024;
const MAX_SERVERS = 32;

export const port: ValueType<number> = numberBetween(0, 65_535, "a port is 0 to 65535");
export const replicas: ValueType<number> = numberBetween(1, MAX_REPLICAS, `1 to ${MAX_REPLICAS} copies`);
export const plainText: ValueType<string> = matching(/^\P{C}+$/u, "a text without control characters");
export const host: ValueType<string> = matching(
  /^[A-Za-z0-9.:-]{1,64}$/,
  "not the name or address of a host",
);
export const fleetId: ValueType<string> = matching(/^[0-9a-f]{32}$/, "a fleet id has 32 hex digits");
/** Of a JetStream stream. It holds all subjects that begin with its name, and the bus has those of `daymark`. */
export const streamName: ValueType<string> = matching(
  /^(?!daymark$)[A-Za-z0-9_-]{1,64}$/,
  "the name of a stream has letters, digits, _ and -, at most 64, and is not daymark",
);

export const yesOrNo: ValueType<boolean> = {
  shape: "boolean",
  parse(text) {
    if (text !== "true" && text !== "false") throw new RangeError("true or false");
    return text === "true";
  },
};

/** Names and ports only: a password on a command line or in this file could be read by others. */
export const natsServers: ValueType<readonly string[]> = {
  shape: "list",
  parse(text) {
    const servers = text.split(",");
    if (servers.length > MAX_SERVERS) throw new RangeError(`at most ${MAX_SERVERS} servers`);
    for (const server of servers) {
      if (server.includes("@"))
        throw new RangeError("no user or password in an address: use nats-cert and nats-key, or nats-creds");
      if (!/^((nats|tls):\/\/)?([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/.test(server))
        throw new RangeError("addresses of NATS servers, such as tls://nats-1.example.org:4222");
    }
    return servers;
  },
};

export function processes(least: number): ValueType<number> {
  return numberBetween(least, MAX_PROCESSES, `${least} to ${MAX_PROCESSES} processes`);
}

export function oneOf<T extends string>(...words: readonly T[]): ValueType<T> {
  return {
    shape: "text",
    words,
    parse(text) {
      const word = words.find((each) => each === text);
      if (word === undefined) throw new RangeError(`one of ${words.join("|")}`);
      return word;
    },
  };
}

function numberBetween(least: number, most: number, otherwise: string): ValueType<number> {
  return {
    shape: "number",
    parse(text) {
      const number = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
      if (!(number >= least && number <= most)) throw new RangeError(otherwise);
      return number;
    },
  };
}

function matching(pattern: RegExp, otherwise: string): ValueType<string> {
  return {
    shape: "text",
    parse(text) {
      if (text.length > MAX_TEXT || !pattern.test(text)) throw new RangeError(otherwise);
      return text;
    },
  };
}
