/** OpenSSL, strict, accepts each chain that we accept, and reads in it what we say. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { NOW, testFleet } from "../x509/helpers.js";
import { openssl, opensslText } from "./openssl.js";
import { x509Text } from "./x509-text.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "daymark-openssl-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function pemFile(name: string, ...certificates: readonly Uint8Array[]): string {
  const path = join(folder, `${name}.pem`);
  writeFileSync(path, certificatesToPem(...certificates));
  return path;
}

describe.each(["ES256", "Ed25519"] as const)("%s", (algorithm) => {
  const fleet = testFleet(algorithm);
  const { root, factoryCa, deviceCa, serviceCa, station, idevid, ldevid, gateway, service } = fleet;

  /** `openssl verify -x509_strict` of a leaf under our root, with `between` as untrusted certificates. */
  function verify(leaf: Uint8Array, between: readonly { certificate: Uint8Array }[], ...more: string[]) {
    const untrusted = between.map(({ certificate }) => certificate);
    return openssl([
      "verify",
      "-x509_strict",
      "-check_ss_sig",
      "-CAfile",
      pemFile("root", root.certificate),
      "-attime",
      `${NOW}`,
      ...(untrusted.length > 0 ? ["-untrusted", pemFile("between", ...untrusted)] : []),
      ...more,
      pemFile("leaf", leaf),
    ]);
  }

  const chains = [
    ["root", root, [], []],
    ["factory CA", factoryCa, [], []],
    ["device CA", deviceCa, [], []],
    ["service CA", serviceCa, [], []],
    ["station", station, [factoryCa], []],
    ["idevid", idevid, [station, factoryCa], ["-purpose", "sslclient"]],
    ["ldevid", ldevid, [deviceCa], ["-purpose", "sslclient"]],
    ["service", service, [serviceCa], ["-purpose", "sslclient"]],
    ["gateway", gateway, [serviceCa], ["-purpose", "sslserver", "-verify_hostname", "gateway.example"]],
    ["gateway by address", gateway, [serviceCa], ["-purpose", "sslserver", "-verify_ip", "2001:db8::1"]],
  ] as const;

  test.each(chains)("accepts %s", (_, { certificate }, between, more) => {
    expect(verify(certificate, between, ...more)).toMatchObject({ ok: true });
  });

  test.each(chains)(
    "refuses %s with one byte of its signature changed",
    (_, { certificate }, between, more) => {
      const tampered = certificate.slice();
      tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
      expect(verify(tampered, between, ...more).ok).toBe(false);
    },
  );

  const lowerCa = fleet.member("lower CA", { profile: "issuing-ca" }, station);
  const byLowerCa = fleet.member("x", { profile: "ldevid", ...fleet.holder(1, 1) }, lowerCa);
  const byLdevid = fleet.member("x", { profile: "ldevid", ...fleet.holder(1, 1) }, ldevid);
  test.each([
    ["an LDevID as a server", ldevid, [deviceCa], ["-purpose", "sslserver"]],
    ["a gateway as a client", gateway, [serviceCa], ["-purpose", "sslclient"]],
    ["a gateway under another name", gateway, [serviceCa], ["-verify_hostname", "other.example"]],
    ["a certificate that an LDevID issued", byLdevid, [ldevid, deviceCa], []],
    ["a device of a CA below a station", byLowerCa, [lowerCa, station, factoryCa], []],
    ["an LDevID after its end", ldevid, [deviceCa], ["-attime", `${NOW + 30 * 86_400}`]],
  ] as const)("refuses %s", (_, { certificate }, between, more) => {
    expect(verify(certificate, between, ...more).ok).toBe(false);
  });

  test.each([
    ["root", root, ["CA:TRUE, pathlen:2", "Not After : Dec 31 23:59:59 9999 GMT"]],
    ["factory CA", factoryCa, ["CA:TRUE, pathlen:1", "Not After : Dec 31 23:59:59 9999 GMT"]],
    ["device CA", deviceCa, ["CA:TRUE, pathlen:0", "Certificate Sign"]],
    ["station", station, ["CA:TRUE, pathlen:0", "Digital Signature, Certificate Sign", "/station/7"]],
    ["idevid", idevid, ["CA:FALSE", "serialNumber = TW-000123", "/device/4711/0", "9999 GMT"]],
    ["ldevid", ldevid, ["TLS Web Client Authentication", "/device/4711/1", "Jan 30 23:59:59 2027 GMT"]],
    [
      "gateway",
      gateway,
      ["/gateway/1, DNS:gateway.example, DNS:localhost, IP Address:127.0.0.1", "TLS Web Server"],
    ],
    ["service", service, ["TLS Web Client Authentication", "/service/2"]],
  ] as const)("shows in %s what we say of it", (_, { certificate }, lines) => {
    const text = opensslText(certificate);
    expect(text).toContain("Version: 3 (0x2)");
    for (const line of lines) expect(text).toContain(line);
    expect(text.match(/critical/g)).toHaveLength(2); // basicConstraints and keyUsage
  });
});

test("the text for docs/protocol.md is the same in every run and has every profile", () => {
  const text = x509Text();
  expect(x509Text()).toBe(text);
  expect(text.match(/^### `.*`$/gm)).toHaveLength(8);
});
