/** Runs the real openssl. */
import { spawnSync } from "node:child_process";

export interface Run {
  readonly ok: boolean;
  /** What it printed, on both streams. */
  readonly text: string;
}

/** @throws Error when openssl is not installed. */
export function openssl(args: readonly string[], input?: string | Uint8Array): Run {
  const { error, status, stdout, stderr } = spawnSync("openssl", args, { input, encoding: "utf8" });
  if (error) throw new Error("openssl did not start: run `bash test/setup.sh`", { cause: error });
  return { ok: status === 0, text: stdout + stderr };
}

/** `openssl x509 -text` of one certificate, without the signature's bytes and without spaces at line ends. */
export function opensslText(certificate: Uint8Array): string {
  const args = ["x509", "-inform", "DER", "-noout", "-text", "-certopt", "no_sigdump"];
  const { ok, text } = openssl(args, certificate);
  if (!ok) throw new Error(`openssl cannot read this certificate:\n${text}`);
  return text.replace(/[ \t]+$/gm, "");
}
