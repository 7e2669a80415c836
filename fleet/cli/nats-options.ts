/** How a command reaches NATS, from its settings, and what it says when it does not. */
import type { NatsOptions } from "../../protocol/adapters/nats-connection.js";
import { FleetError } from "../errors.js";
import type { Settings } from "../operations/settings.js";

type NatsSettings = Partial<
  Pick<Settings<"server">, "nats" | "natsCa" | "natsCert" | "natsKey" | "natsCreds">
>;

/** @param name - shown by the servers to their operator. @returns undefined where no server is named. */
export function natsOptions(settings: NatsSettings, name: string): NatsOptions | undefined {
  const { nats: servers, natsCa, natsCert, natsKey, natsCreds } = settings;
  if (servers === undefined) return undefined;
  return {
    servers,
    name,
    ...(natsCa !== undefined && { caFile: natsCa }),
    ...(natsCert !== undefined && { certFile: natsCert }),
    ...(natsKey !== undefined && { keyFile: natsKey }),
    ...(natsCreds !== undefined && { credsFile: natsCreds }),
  };
}

/** What to do about it. */
export const NATS_ADVICE =
  "check the addresses, the files of nats-ca, nats-cert and nats-key, and what the user may do";

/** Code of the client library for a server that has not what was asked for. */
const NO_TLS = "SERVER_OPT_NA";
const NO_TLS_WORDS = "TLS is asked for (tls://, nats-ca, nats-cert or nats-key), and the server offers none";

/** @param cause - of `connectNats`: its own words may be no more than "tls". */
export function natsRefusal(cause: unknown): string {
  const { code = "failed" } = cause as NodeJS.ErrnoException;
  return `no NATS server lets us in: ${code === NO_TLS ? NO_TLS_WORDS : code}`;
}

/** For `connectNats(...).catch`. @throws FleetError "unreachable". */
export function notLetIn(cause: unknown): never {
  throw new FleetError("unreachable", `${natsRefusal(cause)}; ${NATS_ADVICE}`, { cause });
}
