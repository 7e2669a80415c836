/** `daymark doctor`, the machine: its limits, its ports, and the NATS servers with the stream. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { findStream, streamWeaknesses } from "../adapters/jetstream-stream.js";
import { fail, type Finding, judgeOpenFiles, judgeStream, ok, warn } from "../operations/findings.js";
import { keyOf, type Settings } from "../operations/settings.js";
import { listening } from "./listening.js";
import { NATS_ADVICE, natsOptions, natsRefusal } from "./nats-options.js";

type PortName = "mqttPort" | "apiPort" | "healthPort" | "metricsPort";

export async function checkFiles(): Promise<Finding> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
  if (soft === undefined) return judgeOpenFiles(undefined);
  return judgeOpenFiles(soft === "unlimited" ? Infinity : Number(soft));
}

/** @param holder - process of the server that has the folder; it may have the ports as well. */
export async function checkPorts(
  settings: Partial<Pick<Settings<"server">, PortName>> & Pick<Settings<"server">, "host">,
  holder: number | undefined,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const name of ["mqttPort", "apiPort", "healthPort", "metricsPort"] as const) {
    const port = settings[name];
    if (port === undefined || port === 0) continue;
    const code = await listen(port, name === "mqttPort" ? listening(settings.host).host : "127.0.0.1");
    findings.push(judgePort(`${keyOf(name)} ${port}`, code, holder));
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

function judgePort(check: string, code: string | undefined, holder: number | undefined): Finding {
  if (code === undefined) return ok(check, "free");
  if (code === "EADDRINUSE" && holder !== undefined) return ok(check, `in use; server ${holder} runs`);
  if (code === "EADDRINUSE")
    return fail(check, "in use by another program", "stop that, or choose another port");
  return fail(check, `cannot be opened: ${code}`, "ports below 1024 need a privilege; choose another");
}

/** Why nobody can listen there now; undefined: one can. */
async function listen(port: number, host: string): Promise<string | undefined> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "failed";
  }
  await new Promise((resolve) => server.close(resolve));
  return undefined;
}
