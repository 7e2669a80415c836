import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { decodeCertificate, issueCertificate } from "../../protocol/x509/certificate.js";
import { testFleet, NOW } from "./helpers.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { encodeName } from "../../protocol/x509/name.js";
import { encodeExtensions } from "../../protocol/x509/profiles.js";
import { encodeTime } from "../../protocol/x509/time.js";
import { subjectPublicKeyInfo } from "../../protocol/x509/algorithms.js";
const f = testFleet("ES256");
const { fields, signature } = decodeCertificate(f.ldevid.certificate);
const fake = {
  name: f.deviceCa.name,
  signer: { publicKey: f.deviceCa.signer.publicKey, sign: () => signature },
};
const run = (name: string, n: number, fn: () => void) => {
  for (let i = 0; i < 2000; i++) fn();
  const t = performance.now();
  for (let i = 0; i < n; i++) fn();
  console.log(name, (((performance.now() - t) / n) * 1000).toFixed(1), "us");
};
run("sign only", 5000, () => f.deviceCa.signer.sign(fields.serial));
run("issue", 5000, () => issueCertificate(fields, f.deviceCa, nodeCrypto));
run("issue, no sign", 20000, () => issueCertificate(fields, fake, nodeCrypto));
run("sha256", 20000, () => nodeCrypto.sha256(fields.publicKey.bytes));
run("name", 20000, () => encodeName(fields.subject));
run("ext", 20000, () => encodeExtensions(fields));
run("time", 20000, () => encodeTime(fields.notAfterSeconds));
run("spki", 20000, () => subjectPublicKeyInfo(fields.publicKey));
run("decode", 5000, () => decodeCertificate(f.ldevid.certificate));
run("verifyChain ldevid", 3000, () => verifyChain(f.chains.ldevid, f.trust, NOW, nodeCrypto));
