/** Every setting of `server run` and `gateway run`, once: flags, variables and the configuration file come from here. */
import { DEFAULT_POLICY } from "../policy.js";
import {
  fleetId,
  host,
  MAX_PROCESSES,
  natsServers,
  oneOf,
  plainText,
  port,
  processes,
  replicas,
  streamName,
  type ValueType,
  yesOrNo,
} from "./setting-values.js";

/** Who has settings. */
export type Program = "server" | "gateway";

export interface Setting<T> {
  readonly of: readonly Program[];
  readonly type: ValueType<T>;
  /** What counts where nobody says anything; absent: nothing does. */
  readonly default?: string;
  readonly placeholder?: string;
  readonly brief: string;
}

const BOTH = ["server", "gateway"] as const;
const SERVER = ["server"] as const;
const GATEWAY = ["gateway"] as const;

/** By name: `mqttPort` is the flag `--mqtt-port`, the variable `DAYMARK_MQTT_PORT` and the key `mqtt-port`. */
export const SETTINGS = {
  data: {
    of: BOTH,
    type: plainText,
    default: "./daymark-data",
    placeholder: "dir",
    brief: "Data folder",
  },
  name: {
    of: SERVER,
    type: plainText,
    default: "daymark",
    brief: "Name for the fleet, if this start founds it",
  },
  mqttPort: { of: BOTH, type: port, default: "8883", brief: "Port that devices connect to; 0: any free one" },
  host: {
    of: BOTH,
    type: host,
    default: "localhost",
    brief: "Name or address at which devices reach the gateway; localhost: from this machine only",
  },
  metricsPort: {
    of: BOTH,
    type: port,
    brief: "Port for the gateway's counters alone, for Prometheus on this machine; 0: any free one",
  },
  healthPort: {
    of: BOTH,
    type: port,
    brief: "Port for /livez, /readyz and /metrics, on this machine; 0: any free one",
  },
  apiPort: { of: SERVER, type: port, default: "8080", brief: "Port of the API; 0: any free one" },
  gateways: {
    of: SERVER,
    type: processes(0),
    default: "0",
    brief: `Processes for gateways, up to ${MAX_PROCESSES}; 0: one gateway, in the server's own process`,
  },
  processes: {
    of: GATEWAY,
    type: processes(1),
    default: "1",
    brief: `Processes for gateways, 1 to ${MAX_PROCESSES}; more than one per core gains nothing`,
  },
  returns: {
    of: SERVER,
    type: oneOf("accept", "attest", "ask"),
    default: DEFAULT_POLICY.returns,
    brief:
      "A device whose LDevID has ended comes back by itself (accept), if a verifier vouches for it (attest), or if an operator agrees (ask)",
  },
  nats: {
    of: BOTH,
    type: natsServers,
    placeholder: "servers",
    brief: "NATS servers, with commas between: the log is there, and workers and gateways talk over them",
  },
  natsCa: { of: BOTH, type: plainText, placeholder: "file", brief: "CAs of the NATS servers, PEM" },
  natsCert: { of: BOTH, type: plainText, placeholder: "file", brief: "Certificate shown to NATS, PEM" },
  natsKey: { of: BOTH, type: plainText, placeholder: "file", brief: "Private key to that certificate, PEM" },
  natsCreds: { of: BOTH, type: plainText, placeholder: "file", brief: "NATS credentials: JWT and seed" },
  stream: {
    of: SERVER,
    type: streamName,
    default: "daymark-log",
    brief: "JetStream stream that holds the log",
  },
  replicas: {
    of: SERVER,
    type: replicas,
    default: "3",
    brief: "NATS servers that are to keep a copy of the stream, if this start makes it",
  },
  acceptLogLoss: {
    of: SERVER,
    type: yesOrNo,
    default: "false",
    brief: "Start also on a stream whose settings can lose records",
  },
  fleet: { of: GATEWAY, type: fleetId, placeholder: "id", brief: "Over NATS: the fleet's id, 32 hex digits" },
  logFormat: {
    of: BOTH,
    type: oneOf("text", "json"),
    default: "text",
    brief: "Form of the log, which goes to stderr: words for people, or a JSON object a line",
  },
  logLevel: {
    of: BOTH,
    type: oneOf("debug", "info", "warn", "error"),
    default: "info",
    brief: "The least urgent that is logged",
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

type Table = typeof SETTINGS;
export type SettingName = keyof Table;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

type NameOf<P extends Program> = {
  [N in SettingName]: P extends Table[N]["of"][number] ? N : never;
}[SettingName];
type ValueOf<N extends SettingName> =
  ReturnType<Table[N]["type"]["parse"]> | (Table[N] extends { readonly default: string } ? never : undefined);
/** What a program runs with. */
export type Settings<P extends Program> = { readonly [N in NameOf<P>]: ValueOf<N> };

/** Looked at by its name, without knowing which. */
export function settingOf(name: SettingName): Setting<unknown> {
  return SETTINGS[name];
}

export function namesOf(program: Program): readonly SettingName[] {
  return SETTING_NAMES.filter((name) => settingOf(name).of.includes(program));
}

/** In a file, and after `--`. */
export function keyOf(name: SettingName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function variableOf(name: SettingName): string {
  return `DAYMARK_${keyOf(name).replaceAll("-", "_").toUpperCase()}`;
}
