/** `daymark doctor`, the machine: its limits, its ports, and the NATS servers with the stream. */
import { readFile } from "node:fs/promises";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { findStream, streamWeaknesses } from "../adapters/jetstream-stream.js";
import { fail, type Finding, judgeOpenFiles, judgeStream, ok, warn } from "../operations/findings.js";
import { keyOf, type Settings } from "../operations/settings.js";
import { type PortName, portHost, whyNotFree } from "./listening.js";
import { NATS_ADVICE, natsOptions, natsRefusal } from "./nats-options.js";

export async function checkFiles(): Promise<Finding> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
  if (soft === undefined) return judgeOpenFiles(undefined);
  return judgeOpenFiles(soft === "unlimited" ? Infinity : Number(soft));
}

/** Who is known to have ports here: the server that runs on the folder. */
export interface Holder {
  readonly pid: number;
  /** Its own, as far as it says which. */
  readonly ports: readonly number[];
}

/**
 * @param settings - of a worker, which opens no port for devices; of a server; of a gateway, which has no API.
 * @param holder - undefined: no server runs on the folder.
 */
export async function checkPorts(
  settings: Settings<"gateway"> | Settings<"server">,
  holder: Holder | undefined,
): Promise<readonly Finding[]> {
  const isServer = "apiPort" in settings;
  const ofGateways = isServer && settings.nats ? [] : (["mqttPort", "metricsPort"] as const);
  const findings: Finding[] = [];
  for (const name of [...ofGateways, ...(isServer ? (["apiPort"] as const) : []), "healthPort"] as const) {
    const port = (settings as { readonly [Name in PortName]?: number | undefined })[name];
    if (port === undefined || port === 0) continue;
    const code = (await whyNotFree(port, portHost(name, settings.host)))?.code;
    // Which of these two a server has, it says nowhere.
    const isUntold = name === "healthPort" || name === "metricsPort";
    const isIts = holder !== undefined && (isUntold || holder.ports.includes(port));
    const check = `${keyOf(name)} ${port}`;
    findings.push(
      isIts && code === "EADDRINUSE" ? ofServer(check, holder) : judgePort(check, code, isServer),
    );
  }
  return findings;
}

/** @param settings - absent `stream`: a gateway's, which has none. */
export async function checkNats(
  settings: Settings<"gateway"> | Settings<"server">,
): Promise<readonly Finding[]> {
  const options = natsOptions(settings, "daymark doctor");
  if (!options) return [];
  try {
    const nats = await connectNats(options);
    try {
      const reached = ok("nats", `${nats.getServer()}, nats-server ${nats.info?.version ?? "?"}`);
      if (!("stream" in settings)) return [reached];
      const { stream, acceptLogLoss } = settings;
      const info = await findStream(nats, stream);
      if (!info) return [reached, warn("stream", `there is no ${stream} yet`, "daymark server run makes it")];
      const weaknesses = streamWeaknesses(info.config, nats.info?.version ?? "");
      return [reached, judgeStream(stream, weaknesses, acceptLogLoss)];
    } finally {
      await nats.close();
    }
  } catch (error) {
    return [fail("nats", natsRefusal(error), NATS_ADVICE)];
  }
}

function ofServer(check: string, { pid }: Holder): Finding {
  return ok(check, `in use; server ${pid} runs`);
}

function judgePort(check: string, code: string | undefined, isServer: boolean): Finding {
  if (code === undefined) return ok(check, "free");
  if (code !== "EADDRINUSE")
    return fail(check, `cannot be opened: ${code}`, "ports below 1024 need a privilege; choose another");
  const todo = "stop that, or choose another port";
  if (!isServer) return warn(check, "in use, by a gateway that runs here or by another program", todo);
  return fail(check, "in use by another program", todo);
}
