/**
 * `daymark device apply | challenge | reenroll`: a device that no network reaches, and files that are carried to
 * it and back. It proves what it gets as it would anything that came over the network, and stores it first (P1, P4).
 */
import { buildCommand } from "@stricli/core";
import { FILE_MODE, nodeDisk, writeFileAtomic } from "../protocol/adapters/atomic-file.js";
import { fromHex } from "../protocol/bytes.js";
import { joinBundle, MAX_BUNDLE_BYTES, splitBundle } from "../protocol/bundle.js";
import { type Context, dirFlag, HOST_ACTS, jsonFlag, machineParts, storesIn } from "./adapters/folder.js";
import { createDevice, type Device, type DeviceEvent } from "./main.js";
import type { Transport } from "./ports.js";
import type { HostAct } from "./steps.js";
import { TICKET_BYTES } from "./ticket.js";

const FAILED = 1;
const NOT_FOUND = 3;
/** Of a ticket's file: the hex of it, and a line end. */
const MAX_TICKET_FILE_BYTES = 256;

const outFlag = { kind: "parsed", parse: String, placeholder: "file", brief: "The file to write" } as const;
const parameters = {
  flags: { dir: dirFlag, out: outFlag, json: jsonFlag },
  aliases: { j: "json" },
} as const;

interface CarryFlags {
  readonly dir: string;
  readonly out: string;
  readonly json: boolean;
}

const apply = buildCommand<CarryFlags, [string], Context>({
  docs: {
    brief: "Give a device a bundle by hand; it writes its receipt",
    fullDescription: [
      "Stop the device first: two programs must not write into one folder. Each document has to prove itself. The",
      "receipt says what the device holds now; carried back, it shows there who knows: daymark bundle apply.",
      "Exit code 1: something in the bundle was refused.",
      "",
      "Example: daymark device apply for-7.bundle --dir ./camera-1 --out from-7.bundle",
    ].join("\n"),
  },
  parameters: {
    ...parameters,
    positional: {
      kind: "tuple",
      parameters: [{ brief: "From daymark bundle export, or apply", parse: String, placeholder: "file" }],
    },
  },
  async func({ dir, out, json }, path) {
    const { stdout } = this.process;
    const bytes = await nodeDisk.read(path, MAX_BUNDLE_BYTES);
    if (!bytes) return fail(this, NOT_FOUND, `there is no file ${path}`);
    const items = splitBundle(bytes);
    const refused: Pick<DeviceEvent & { type: "refused" }, "code" | "text">[] = [];
    const acts: HostAct[] = [];
    const result = await withDevice(dir, async (device) => {
      device.onEvent((event) => {
        if (event.type === "refused") refused.push({ code: event.code, text: event.text });
        if (event.type === "act") acts.push(event.act);
      });
      const before = device.level;
      for (const item of items) device.receive(item);
      const receipt = await device.receipt(); // made when all before it is stored
      return { number: device.number, before, level: device.level, receipt };
    });
    const { receipt, ...told } = result;
    await writeFileAtomic(out, joinBundle([receipt]), FILE_MODE);
    if (json) stdout.write(`${JSON.stringify({ ...told, items: items.length, refused, acts, out })}\n`);
    else {
      const { number, before, level } = told;
      stdout.write(`device ${number}: level ${before} -> ${level}; its receipt is in ${out}\n`);
      for (const act of acts) stdout.write(`the fleet asks this host to ${HOST_ACTS[act]}; it asks once\n`);
    }
    for (const { code, text } of refused) this.process.stderr.write(`refused: ${code}: ${text}\n`);
    if (refused.length > 0) fail(this, FAILED, `${refused.length} of ${items.length} documents were refused`);
  },
});

const challenge = buildCommand<CarryFlags, [], Context>({
  docs: {
    brief: "Have a device ask the fleet, by hand",
    fullDescription: [
      "Writes a question that is bound to this device and counts once. The fleet's answer is what a contact over the",
      "network would give: a fresh lease, and with it what lifts a hold. Carry it there (daymark bundle apply FILE",
      "--out ANSWER), and the answer back (daymark device apply). A later challenge ends this one. Stop the device",
      "first: two programs must not write into one folder.",
      "",
      "Example: daymark device challenge --dir ./camera-1 --out ask-7.bundle",
    ].join("\n"),
  },
  parameters,
  async func({ dir, out, json }) {
    const { number, question } = await withDevice(dir, async (device) => {
      return { number: device.number, question: await device.challenge() };
    });
    await writeFileAtomic(out, joinBundle([question]), FILE_MODE);
    const { stdout } = this.process;
    if (json) stdout.write(`${JSON.stringify({ number, out })}\n`);
    else stdout.write(`device ${number} asks in ${out}; carry it to the fleet: daymark bundle apply\n`);
  },
});

interface ReenrollFlags {
  readonly dir: string;
  readonly ticketFile: string;
  readonly json: boolean;
}

const reenroll = buildCommand<ReenrollFlags, [], Context>({
  docs: {
    brief: "Give a device a ticket for new keys; it asks for them when it runs next",
    fullDescription: [
      "For a device whose keys its fleet no longer takes, or that two seem to hold. An operator makes the ticket for",
      "this device: daymark device ticket. With it the device replaces all its keys; what holds it goes on holding",
      "it. A later ticket ends this one. Stop the device first: two programs must not write into one folder.",
      "The ticket is a secret: delete the file afterwards.",
      "",
      "Example: daymark device reenroll --dir ./camera-1 --ticket-file ticket-7",
    ].join("\n"),
  },
  parameters: {
    flags: {
      dir: dirFlag,
      ticketFile: {
        kind: "parsed",
        parse: String,
        placeholder: "file",
        brief: "The ticket, as the operator's command wrote it",
      },
      json: jsonFlag,
    },
    aliases: { j: "json" },
  },
  async func({ dir, ticketFile, json }) {
    const bytes = await nodeDisk.read(ticketFile, MAX_TICKET_FILE_BYTES);
    if (!bytes) return fail(this, NOT_FOUND, `there is no file ${ticketFile}`);
    const ticket = ticketIn(bytes);
    if (!ticket) return fail(this, FAILED, `${ticketFile} is no ticket: it has to hold 64 hex digits`);
    const number = await withDevice(dir, async (device) => {
      await device.reenroll(ticket);
      return device.number;
    });
    const { stdout } = this.process;
    if (json) stdout.write(`${JSON.stringify({ number, dir })}\n`);
    else stdout.write(`device ${number} has the ticket; it asks for new keys: daymark device run\n`);
  },
});

/** Mounted under the noun `device`. */
export const carryCommands = { apply, challenge, reenroll } as const;

/** Undefined for anything else than the hex of 32 bytes. */
function ticketIn(file: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder().decode(file).trim();
  const isHex = /^[0-9a-f]+$/.test(text) && text.length === 2 * TICKET_BYTES;
  return isHex ? fromHex(text) : undefined;
}

/** Nobody is reached: what the device wants to send comes to nothing. */
const NO_NETWORK: Transport = {
  connect: () => ({
    send: () => Promise.reject(new Error("there is no network")),
    publish: () => Promise.reject(new Error("there is no network")),
    close: () => undefined,
  }),
};

/** @throws DeviceError when the folder holds no device, or its disk fails. */
async function withDevice<T>(dir: string, use: (device: Device) => Promise<T>): Promise<T> {
  const device = await createDevice({ transport: NO_NETWORK, ...machineParts, ...storesIn(dir) });
  try {
    return await use(device);
  } finally {
    await device.close();
  }
}

/** The text may hold a name from the command line, and no control character of it reaches the terminal. */
function fail({ process }: Context, exitCode: number, text: string): void {
  process.stderr.write(`daymark: ${text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?")}\n`);
  process.exitCode = exitCode;
}
