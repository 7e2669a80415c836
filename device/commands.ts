/** `daymark device birth | run`: a device on this machine, for trying out and for gateways with a Linux of their own. */
import { buildCommand } from "@stricli/core";
import { nodeCrypto } from "../protocol/adapters/node-crypto.js";
import { utf8 } from "../protocol/bytes.js";
import type { Timer } from "../protocol/clock.js";
import { httpStationLink } from "./adapters/http-station-link.js";
import { MqttTransport } from "./adapters/mqtt-transport.js";
import { beBorn } from "./birth.js";
import { carryCommands } from "./carry-commands.js";
import {
  type Context,
  dirFlag as dir,
  jsonFlag as json,
  machineParts,
  poweredClock,
  storesIn,
} from "./adapters/folder.js";
import { wordsFor } from "./event-words.js";
import { createDevice, type DeviceEvent } from "./main.js";

interface BirthFlags {
  readonly dir: string;
  readonly station: string;
  readonly tokenFile: string;
  readonly hardwareId: string;
  readonly model: string;
  readonly json: boolean;
}

interface RunFlags {
  readonly dir: string;
  readonly gateway: string;
  readonly heartbeat: number;
  readonly json: boolean;
}

const DEFAULT_HEARTBEAT_SECONDS = 60;
const FAILED = 1;

const birth = buildCommand<BirthFlags, [], Context>({
  docs: {
    brief: "Give a device its birth: it makes its key, the station gives it its papers",
    fullDescription: [
      "Talks to the station inside a running server. Repeating it changes nothing.",
      "",
      "Example: daymark device birth --dir ./camera-1 --hardware-id SN-0001 --model camera \\",
      "           --station http://127.0.0.1:8080 --token-file ./daymark-data/fleet/tokens/admin",
    ].join("\n"),
  },
  parameters: {
    flags: {
      dir,
      station: {
        kind: "parsed",
        parse: String,
        placeholder: "url",
        brief: "API of the server with the station",
      },
      tokenFile: {
        kind: "parsed",
        parse: String,
        placeholder: "file",
        brief: "File that holds an operator's token",
      },
      hardwareId: { kind: "parsed", parse: String, brief: "Serial number of the hardware, 1 to 64 bytes" },
      model: { kind: "parsed", parse: String, default: "generic", brief: "Product name, up to 32 bytes" },
      json,
    },
    aliases: { j: "json" },
  },
  async func({ dir, station, tokenFile, hardwareId, model, json }) {
    const link = await httpStationLink(station, tokenFile);
    const options = { hardwareId: utf8(hardwareId), model, crypto: nodeCrypto, ...storesIn(dir) };
    const { number } = await beBorn(options, link);
    const { stdout } = this.process;
    if (json) stdout.write(`${JSON.stringify({ number, dir })}\n`);
    else
      stdout.write(
        `device ${number} was born in ${dir}; run it: daymark device run --dir ${dir} --gateway HOST:PORT\n`,
      );
  },
});

const run = buildCommand<RunFlags, [], Context>({
  docs: {
    brief: "Run a device: it enrolls, syncs, renews, obeys, and sends a heartbeat while it may speak",
    fullDescription: [
      "Runs until Ctrl-C. What it may not send is held back; each change of level is printed.",
      "",
      "Example: daymark device run --dir ./camera-1 --gateway localhost:8883",
    ].join("\n"),
  },
  parameters: {
    flags: {
      dir,
      gateway: {
        kind: "parsed",
        parse: address,
        default: "localhost:8883",
        placeholder: "host:port",
        brief: "Where to log in",
      },
      heartbeat: {
        kind: "parsed",
        parse: heartbeatSeconds,
        default: String(DEFAULT_HEARTBEAT_SECONDS),
        brief: "Seconds between messages to its topic `heartbeat`; 0: none",
      },
      json,
    },
    aliases: { j: "json" },
  },
  async func({ dir, gateway, heartbeat, json }) {
    const { process } = this;
    const [, host = "", port = ""] = ADDRESS.exec(gateway) ?? [];
    const transport = new MqttTransport({ host: host.replace(/^\[|\]$/g, ""), port: Number(port) });
    const device = await createDevice({ transport, ...machineParts, ...storesIn(dir) });
    const tell = (event: DeviceEvent) => {
      const line = event.type === "failed" ? { type: event.type, text: event.error.message } : event;
      process.stdout.write(`${json ? JSON.stringify({ number: device.number, ...line }) : wordsFor(line)}\n`);
    };
    const stopped = new Promise<void>((done) => {
      process.once("SIGINT", () => done()).once("SIGTERM", () => done());
      device.onEvent((event) => {
        tell(event);
        if (event.type !== "failed") return;
        process.exitCode = FAILED;
        done();
      });
    });
    const beat =
      heartbeat > 0 ? every(heartbeat * 1000, () => device.publish("heartbeat", utf8("alive"))) : undefined;
    process.stderr.write(`device ${device.number} runs from ${dir}; stop with Ctrl-C\n`);
    await stopped;
    beat?.cancel();
    await device.close();
  },
});

/** Repeats `publish`; what cannot be sent now is the device's to hold back, or to refuse. */
function every(periodMs: number, publish: () => Promise<void>): Timer {
  let timer = poweredClock.after(periodMs, beat);
  function beat(): void {
    publish().catch(() => undefined);
    timer = poweredClock.after(periodMs, beat);
  }
  return { cancel: () => timer.cancel() };
}

/** Mounted under the noun `device`. */
export const deviceCommands = { birth, run, ...carryCommands };

const ADDRESS = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/;

/** @throws RangeError */
function address(text: string): string {
  if (!ADDRESS.test(text)) throw new RangeError("write it as host:port, such as localhost:8883");
  return text;
}

/** @throws RangeError */
function heartbeatSeconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new RangeError("a whole number of seconds");
  return Number(text);
}
