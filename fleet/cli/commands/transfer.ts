/** `daymark transfer give | take`: a device changes its owner, by file. */
import { buildCommand } from "@stricli/core";
import { toHex } from "../../../protocol/bytes.js";
import type { GivenDevice, TakenDevice } from "../../api/transfer.js";
import { fromBase64Url, toBase64Url } from "../../events.js";
import { nextStep, printAct } from "../act-output.js";
import { reasonFlag, type ReasonFlags } from "../acts.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "../connection.js";
import { numberParameter } from "../device-number.js";
import { CliError, EXIT } from "../exit.js";
import { assertReplaceable, readBytes, writeOut } from "../files.js";
import { fileFlag, fleetFlag } from "../flags.js";
import { printJson, printLine, printRecord } from "../output.js";

interface GiveFlags extends ReasonFlags {
  readonly to: string;
  readonly out: string;
}

const give = buildCommand<GiveFlags, [number], CliContext>({
  docs: {
    brief: "Give a device to another owner, for good",
    fullDescription: [
      "The first time it asks for it; a second person approves, or the holders of the transfer keys sign where these",
      "are not on the server (daymark release draft). Then the same command writes the hand-over, which the next",
      "owner takes; again and again the same file. From then on this fleet and its devices refuse the device. It",
      "goes with the standing that it has here, and only the next owner can lift that.",
      "Exit code 0: the file was written; 5: the approval, or a signature, is missing.",
      "",
      "Example: daymark transfer give 7 --to their.authority --out 7.handover --reason 'sold with the boat'",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      to: fileFlag("Version 1 of the next owner's Authority, - for stdin"),
      out: fileFlag("Where the hand-over is written"),
      reason: reasonFlag,
    },
    aliases: clientAliases,
    positional: { kind: "tuple", parameters: [numberParameter] },
  },
  async func({ to, out, reason, ...flags }, number) {
    const authority = await readBytes(to, this.process);
    await assertReplaceable(out);
    const client = await connect(flags, this);
    const body = { number, to: toBase64Url(authority), reason };
    const { request, handover } = await client.post<GivenDevice>("/v1/transfers/give", body);
    const { stdout, stderr } = this.process;
    if (handover !== undefined) await writeOut(out, fromBase64Url(handover));
    if (flags.json) printJson(stdout, { number, request, ...(handover !== undefined && { out }) });
    else printAct(stdout, request);
    if (handover === undefined)
      throw new CliError(EXIT.conflict, `${nextStep(request)}; then repeat this command for the file`);
    printLine(stderr, `device ${number} is theirs; they take it: daymark transfer take ${out} --from FLEET`);
  },
});

interface TakeFlags extends ClientFlags {
  readonly from: Uint8Array;
  readonly maker?: Uint8Array;
  readonly out: string;
}

const take = buildCommand<TakeFlags, [string], CliContext>({
  docs: {
    brief: "Take a device that another owner gives",
    fullDescription: [
      "Checks the hand-over from the first owner to this fleet, and gives the device a number and papers. Whom to",
      "trust is yours to say: name the fleet that gives and, if another one made the device, that one too. The",
      "file that is written goes to the device: daymark device apply. Taking it again changes nothing.",
      "",
      "Example: daymark transfer take 7.handover --from 0123456789abcdef0123456789abcdef --out for-7.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: {
      ...clientFlags,
      from: { ...fleetFlag, optional: false, brief: "Id of the fleet that gives it, 32 hex digits" },
      maker: { ...fleetFlag, brief: "Id of the fleet that made it, where that is another one" },
      out: fileFlag("Where the bundle for the device is written"),
    },
    aliases: clientAliases,
    positional: {
      kind: "tuple",
      parameters: [{ brief: "A hand-over, - for stdin", parse: String, placeholder: "file" }],
    },
  },
  async func({ from, maker, out, ...flags }, path) {
    const handover = await readBytes(path, this.process);
    await assertReplaceable(out);
    const client = await connect(flags, this);
    const { arrival, ...taken } = await client.post<TakenDevice>("/v1/transfers/take", {
      handover: toBase64Url(handover),
      from: toHex(from),
      ...(maker && { maker: toHex(maker) }),
    });
    await writeOut(out, fromBase64Url(arrival));
    const { stdout, stderr } = this.process;
    const { number, level } = taken;
    if (flags.json) printJson(stdout, { ...taken, out });
    else printRecord(stdout, { device: String(number), level, from: taken.from, maker: taken.maker });
    printLine(stderr, `on the device: daymark device apply ${out} --dir DIR --out FILE`);
  },
});

/** Each command by its verb. */
export const transferCommands = { give, take } as const;
