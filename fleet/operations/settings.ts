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
  name: { of: SERVER, type: plainText, default: "daymark", brief: "Name of a fleet that is founded now" },
  mqttPort: { of: BOTH, type: port, default: "8883", brief: "Of the gateway; 0: any free one" },
  host: { of: BOTH, type: host, default: "localhost", brief: "Where devices reach the gateway" },
  metricsPort: {
    of: BOTH,
    type: port,
    brief: "Serve the gateway's counters alone for Prometheus on this machine; 0: any free one",
  },
  healthPort: {
    of: BOTH,
    type: port,
    brief: "Serve /livez, /readyz and /metrics on this machine; 0: any free one",
  },
  apiPort: { of: SERVER, type: port, default: "8080", brief: "Of the API; 0: any free one" },
  gateways: {
    of: SERVER,
    type: processes(0),
    default: "0",
    brief: `Gateways that are processes of their own, up to ${MAX_PROCESSES}; 0: one in this process`,
  },
  processes: {
    of: GATEWAY,
    type: processes(1),
    default: "1",
    brief: `How many, 1 to ${MAX_PROCESSES}; more than one per core gain nothing`,
  },
  returns: {
    of: SERVER,
    type: oneOf("accept", "attest", "ask"),
    default: DEFAULT_POLICY.returns,
    brief: "A device whose LDevID ended: comes back by itself, if it is attested, or if an operator agrees",
  },
  nats: {
    of: BOTH,
    type: natsServers,
    placeholder: "servers",
    brief: "NATS servers, with commas between: the log and the gateways go through them",
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
    brief: "NATS servers that keep a copy of a stream that is made now",
  },
  acceptLogLoss: {
    of: SERVER,
    type: yesOrNo,
    default: "false",
    brief: "Take a stream whose settings can lose records",
  },
  fleet: { of: GATEWAY, type: fleetId, placeholder: "id", brief: "Over NATS: the fleet's id, 32 hex digits" },
  logFormat: {
    of: BOTH,
    type: oneOf("text", "json"),
    default: "text",
    brief: "Of what stderr says: words for people, or JSON lines",
  },
  logLevel: {
    of: BOTH,
    type: oneOf("debug", "info", "warn", "error"),
    default: "info",
    brief: "The least that stderr says",
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
