/**
 * `daymark ca init | key | export | rotate | sign`: who may sign what. File in, file out, so that root keys can
 * live on machines that are never connected.
 */
import { buildCommand } from "@stricli/core";
import { joinBundle } from "../../../protocol/bundle.js";
import { openChain } from "../../ceremony-signing.js";
import { aliases, ceremonyNow, outFlag, show } from "../ca-flags.js";
import { type CliContext, dataFlag, fleetFolder, jsonFlag } from "../connection.js";
import { writeOut } from "../files.js";
import { rotate, sign } from "./ca-change.js";
import { init, key } from "./ca-found.js";

interface ExportFlags {
  readonly data?: string;
  readonly out: string;
  readonly json: boolean;
}

const exportChain = buildCommand<ExportFlags, [], CliContext>({
  docs: {
    brief: "Write the chain of Authorities of a data folder",
    fullDescription: [
      "A bundle of all versions, for daymark ca rotate and daymark ca sign on other machines. It holds no secrets.",
      "The server may run meanwhile.",
      "",
      "Example: daymark ca export --out chain.bundle",
    ].join("\n"),
  },
  parameters: {
    flags: { data: dataFlag, out: outFlag("The file to write"), json: jsonFlag },
    aliases,
  },
  async func({ data, out, json }) {
    const { readChain } = await import("../log-chain.js"); // with what folds a log, which other commands do not need
    const { crypto } = ceremonyNow();
    const bundle = joinBundle(await readChain(fleetFolder(data, this.process.env), crypto));
    await writeOut(out, bundle);
    const { trust } = openChain(bundle, crypto);
    const { fleetId, authority } = trust;
    show({ value: authority.value, fleetId }, undefined, json, this);
  },
});

/** Each command by its verb. */
export const caCommands = { init, key, export: exportChain, rotate, sign } as const;
