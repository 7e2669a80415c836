/**
 * `daymark device vouch | readmit | ticket`: let a device do again what it may not do by itself. Each waits for
 * a second person.
 */
import { randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { buildCommand } from "@stricli/core";
import { FILE_MODE } from "../../../protocol/adapters/atomic-file.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { toHex } from "../../../protocol/bytes.js";
import type { ActResource } from "../../api/acts.js";
import { FleetError } from "../../errors.js";
import { toBase64Url } from "../../events.js";
import { printFiled } from "../act-output.js";
import { fileAct, numbersParameter, reasonFlag, type ReasonFlags } from "../acts.js";
import { type CliContext, clientAliases, clientFlags, connect } from "../connection.js";
import { numberParameter } from "../device-number.js";
import { fileFlag } from "../flags.js";
import { printLine } from "../output.js";

/** Device and fleet know a ticket as the seed of an Ed25519 key (RFC 8032 §5.1.5), and as its public half. */
const TICKET_BYTES = 32;

const vouch = buildCommand<ReasonFlags, number[], CliContext>({
  docs: {
    brief: "Say that there is one of each device that two seem to be",
    fullDescription: [
      "A device that shows what only a second holder of its keys would show gets no lease and no LDevID: see",
      "daymark device list --filter suspected:yes. Look at the hardware first. Where its keys may have been copied,",
      "do not vouch: a ticket gives it new ones, and ends the others. Waits for a second person.",
      "",
      "Example: daymark device vouch 7 --reason 'its disk was put back from an image'",
    ].join("\n"),
  },
  parameters: {
    flags: { ...clientFlags, reason: reasonFlag },
    aliases: clientAliases,
    positional: numbersParameter,
  },
  func(flags, ...numbers) {
    return fileAct("/v1/access/vouches", { numbers, reason: flags.reason }, flags, this);
  },
});

const readmit = buildCommand<ReasonFlags, number[], CliContext>({
  docs: {
    brief: "Let devices come back whose LDevID ended",
    fullDescription: [
      "Where the server runs with --returns ask, or attest, a device that was dark for too long waits for this: see",
      "daymark device list --filter return:asked. It gets its LDevID when it asks next; what holds it goes on",
      "holding it. Waits for a second person.",
      "",
      "Example: daymark device readmit 7 8 --reason 'back from the ship yard'",
    ].join("\n"),
  },
  parameters: {
    flags: { ...clientFlags, reason: reasonFlag },
    aliases: clientAliases,
    positional: numbersParameter,
  },
  func(flags, ...numbers) {
    return fileAct("/v1/access/returns", { numbers, reason: flags.reason }, flags, this);
  },
});

interface TicketFlags extends ReasonFlags {
  readonly out: string;
}

const ticket = buildCommand<TicketFlags, [number], CliContext>({
  docs: {
    brief: "Make a ticket with which a device replaces all its keys",
    fullDescription: [
      "Writes the ticket into a file that only you can read, and tells the server no more than its public half. The",
      "ticket is good once a second person has approved it, for one device, once, and for some days. Bring it to the",
      "device: daymark device reenroll --ticket-file. From then on every key and certificate that the device had",
      "counts for nobody; the level that it is at stays, and while it is held the ticket waits. A new ticket ends",
      "the one before.",
      "",
      "Example: daymark device ticket 7 --out ticket-7 --reason 'its keys were copied'",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      out: fileFlag("Where the ticket is written; a secret, and nothing is written over"),
      reason: reasonFlag,
    },
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [numberParameter] },
  },
  async func({ out, reason, ...flags }, number) {
    const client = await connect(flags, this);
    const secret = new Uint8Array(randomBytes(TICKET_BYTES));
    const { bytes } = nodeCrypto.publicKey({ algorithm: "Ed25519", secret });
    await writeTicket(out, secret);
    let act: ActResource;
    try {
      act = await client.post<ActResource>("/v1/access/tickets", { number, key: toBase64Url(bytes), reason });
    } catch (error) {
      await rm(out); // good for nothing
      throw error;
    }
    printFiled(this.process, act, flags.json);
    printLine(this.process.stderr, `on the device: daymark device reenroll --dir DIR --ticket-file ${out}`);
  },
});

/** Each command by its verb. */
export const deviceAccessCommands = { vouch, readmit, ticket } as const;

/** Before the server hears of it: a ticket that nobody has could not be made again. */
async function writeTicket(path: string, secret: Uint8Array): Promise<void> {
  const file = await open(path, "wx", FILE_MODE).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EEXIST") throw cause;
    throw new FleetError("conflict", `there is a file ${path} already; choose another`, { cause });
  });
  try {
    await file.writeFile(`${toHex(secret)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
