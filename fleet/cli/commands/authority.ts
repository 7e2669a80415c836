/** `daymark authority show | apply`: who may sign what, and the next version, signed elsewhere. */
import { buildCommand } from "@stricli/core";
import { nodeCrypto as crypto } from "../../../protocol/adapters/node-crypto.js";
import type { InstalledAuthority } from "../../api/authority.js";
import { openChain } from "../../ceremony-signing.js";
import { authorityLines } from "../ca-output.js";
import { type CliContext, clientAliases, type ClientFlags, clientFlags, connect } from "../connection.js";
import { readBytes } from "../files.js";
import { printJson, printLine, printRecord } from "../output.js";

const show = buildCommand<ClientFlags, [], CliContext>({
  docs: {
    brief: "Show the newest Authority of the running fleet",
    fullDescription: [
      "Roles with their keys and thresholds, terms and certificate authorities. The chain was checked here, from",
      "version 1 on: the fleet id is its hash. To carry the chain elsewhere: daymark ca export.",
      "",
      "Example: daymark authority show",
    ].join("\n"),
  },
  parameters: { flags: clientFlags, aliases: clientAliases },
  async func(flags) {
    const client = await connect(flags, this);
    const { trust } = openChain(await client.getBundle("/v1/authority"), crypto);
    const { fleetId, authority } = trust;
    const lines = authorityLines({ value: authority.value, fleetId }, undefined, crypto);
    if (flags.json) printJson(this.process.stdout, lines);
    else printRecord(this.process.stdout, lines);
  },
});

const apply = buildCommand<ClientFlags, [string], CliContext>({
  docs: {
    brief: "Put the next Authority in force",
    fullDescription: [
      "A file that daymark ca sign says is complete, or a chain that ends with it. The server checks that enough root",
      "keys of the version before and of its own have signed, and that it has the keys that the new one names: lay",
      "those into <data>/fleet/keys/next first. Devices and gateways hear of it at once, dark ones when they return.",
      "",
      "Example: daymark authority apply next",
    ].join("\n"),
  },
  parameters: {
    flags: clientFlags,
    aliases: clientAliases,
    positional: {
      kind: "tuple",
      parameters: [{ brief: "From daymark ca sign", parse: String, placeholder: "file" }],
    },
  },
  async func(flags, path) {
    const links = await readBytes(path, this.process);
    const client = await connect(flags, this);
    const { version, taken } = await client.postBundle<InstalledAuthority>("/v1/authority", links);
    const { stdout, stderr } = this.process;
    if (flags.json) printJson(stdout, { version, taken });
    else
      printLine(
        stdout,
        taken === 0 ? `known already: version ${version} is in force` : `version ${version} is in force`,
      );
    printLine(stderr, `see who knows: daymark quarantine status --authority ${version}`);
  },
});

/** Each command by its verb. */
export const authorityCommands = { show, apply } as const;
