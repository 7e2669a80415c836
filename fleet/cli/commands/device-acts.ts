/** `daymark device rekey | reboot | attest`: have devices do something once more, however long they are dark. */
import { buildCommand } from "@stricli/core";
import type { ActName } from "../../../protocol/vector.js";
import { fileAct, numbersParameter, reasonFlag, type ReasonFlags } from "../acts.js";
import { type CliContext, clientAliases, clientFlags } from "../connection.js";

type Count = Exclude<ActName, "wipe">;

const WORDS: Readonly<Record<Count, readonly [brief: string, why: string]>> = {
  rekey: ["Have devices make a new key, and get a certificate for it", "the disk was read out"],
  reboot: ["Have devices restart", "a sensor hangs"],
  attest: ["Have devices show what they run", "after the update"],
};

/** Each command by its verb. */
export const deviceActCommands = {
  rekey: command("rekey"),
  reboot: command("reboot"),
  attest: command("attest"),
} as const;

function command(count: Count) {
  const [brief, why] = WORDS[count];
  return buildCommand<ReasonFlags, number[], CliContext>({
    docs: {
      brief,
      fullDescription: [
        "What is sent is how often it must have been done in all, so a device that hears of it late or twice does",
        "it once. One person may ask it of a few devices; many devices in one request wait for a second person.",
        "",
        `Example: daymark device ${count} 7 8 --reason '${why}'`,
      ].join("\n"),
    },
    parameters: {
      flags: { ...clientFlags, reason: reasonFlag },
      aliases: clientAliases,
      positional: numbersParameter,
    },
    func(flags, ...numbers) {
      return fileAct("/v1/quarantine/counts", { numbers, count, reason: flags.reason }, flags, this);
    },
  });
}
