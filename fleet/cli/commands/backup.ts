/** `daymark backup create | verify | restore`: the whole fleet of a data folder, encrypted, in one file. */
import { randomBytes } from "node:crypto";
import { buildCommand } from "@stricli/core";
import { nodeCrypto as crypto } from "../../../protocol/adapters/node-crypto.js";
import type { Entropy } from "../../../protocol/crypto.js";
import type { OpenBackup } from "../../adapters/backup-file.js";
import { orNotVerified, printBackup, sayProgress } from "../backup-output.js";
import { type PassphraseFlags, passphraseFlags, readPassphrase } from "../backup-passphrase.js";
import { assertReplaceable } from "../files.js";
import { type CliContext, dataFlag, fleetFolder, jsonFlag } from "../connection.js";
import { fileFlag } from "../flags.js";
import { openLogOf } from "../log-of.js";
import { printLine } from "../output.js";

interface Flags extends PassphraseFlags {
  readonly data?: string;
  readonly json: boolean;
}

const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));
const aliases = { j: "json" } as const;
const fileParameter = {
  kind: "tuple",
  parameters: [{ brief: "From daymark backup create", parse: String, placeholder: "file" }],
} as const;

/** What reads a file is loaded here: other commands start without it. */
async function opened(path: string, flags: PassphraseFlags, context: CliContext): Promise<OpenBackup> {
  const [{ unlockWith }, { openBackupFile }] = await Promise.all([
    import("../../adapters/backup-cipher.js"),
    import("../../adapters/backup-file.js"),
  ]);
  return openBackupFile(path, unlockWith(await readPassphrase(flags, context)));
}

const create = buildCommand<Flags & { readonly out: string }, [], CliContext>({
  docs: {
    brief: "Save the fleet of a data folder into one encrypted file",
    fullDescription: [
      "Its log, keys and tokens as they are at one moment. A server that runs on the folder is asked for its log; where",
      "none does, none can start meanwhile. Whoever has the file and the passphrase has the fleet: keep them apart, and",
      "do not lose either. It is opened by nobody without.",
      "",
      "Example: daymark backup create --out harbour.backup --passphrase-file /run/secrets/backup",
    ].join("\n"),
  },
  parameters: {
    flags: {
      data: dataFlag,
      out: fileFlag("The file to write; one that is there is replaced"),
      ...passphraseFlags,
      json: jsonFlag,
    },
    aliases,
  },
  async func({ data, out, json, ...flags }) {
    const [{ createBackup }, { unlockWith }] = await Promise.all([
      import("../../adapters/backup-create.js"),
      import("../../adapters/backup-cipher.js"),
    ]);
    await assertReplaceable(out);
    const unlock = unlockWith(await readPassphrase(flags, this));
    const folder = fleetFolder(data, this.process.env);
    const progress = sayProgress(this, "saved");
    const log = await openLogOf(folder);
    try {
      const options = { folder, log, out, unlock, crypto, entropy, progress };
      printBackup(this, await orNotVerified(() => createBackup(options)), { file: out }, json);
    } finally {
      await log.close();
    }
    printLine(
      this.process.stderr,
      `bring it to another machine, and try there: daymark backup verify ${out}`,
    );
  },
});

const verify = buildCommand<Omit<Flags, "data">, [string], CliContext>({
  docs: {
    brief: "Check that a backup is whole, and that a fleet would start from it",
    fullDescription: [
      "Every byte is decrypted and every record is read as a server would read it; the keys must be those that the",
      "newest Authority in the log names. Nothing is written. Exit code 7: it does not hold.",
      "",
      "Example: daymark backup verify harbour.backup --passphrase-file /run/secrets/backup",
    ].join("\n"),
  },
  parameters: { flags: { ...passphraseFlags, json: jsonFlag }, aliases, positional: fileParameter },
  async func(flags, file) {
    const { verifyBackup } = await import("../../adapters/backup-contents.js");
    const summary = await orNotVerified(async () => {
      const backup = await opened(file, flags, this);
      return verifyBackup(backup.read(), crypto, sayProgress(this, "verified"));
    });
    printBackup(this, summary, { file }, flags.json);
    printLine(this.process.stderr, "it holds");
  },
});

const restore = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: "Make the data folder of a fleet from a backup",
    fullDescription: [
      "Verifies the backup, then writes the fleet into a new data folder, all of it or nothing. Then start the server",
      "there. The old server must not run any more, unless both are workers on one stream (--nats).",
      "",
      "Example: daymark backup restore harbour.backup --data daymark-data --passphrase-file /run/secrets/backup",
    ].join("\n"),
  },
  parameters: {
    flags: { data: dataFlag, ...passphraseFlags, json: jsonFlag },
    aliases,
    positional: fileParameter,
  },
  async func({ data, json, ...flags }, file) {
    const folder = fleetFolder(data, this.process.env);
    const { restoreBackup } = await import("../../adapters/backup-restore.js");
    const restored = await orNotVerified(async () => {
      const backup = await opened(file, flags, this);
      return restoreBackup({ backup, folder, crypto, progress: sayProgress(this, "through") });
    });
    printBackup(this, restored, { file, folder }, json);
    for (const line of afterRestore(data)) printLine(this.process.stderr, line);
  },
});

/** What whoever restores has to know, in the order in which it comes to matter. */
function afterRestore(data: string | undefined): readonly string[] {
  return [
    "what the fleet did after the newest record is not in it, and devices may have seen that",
    "as soon as one of them proves it, this server signs nothing any more, and says so: then see daymark recover",
    "unless both are workers on one stream, the old server must not run any more: two would sign for one fleet",
    `start this one: daymark server run${data === undefined ? "" : ` --data '${data}'`}, with --nats if it is a worker`,
  ];
}

/** Each command by its verb. */
export const backupCommands = { create, verify, restore } as const;
