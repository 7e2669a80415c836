/** Guards of the certificate verifier. */
import type { Guard } from "../guard.js";

const VERIFY = "test/x509/verify.test.ts";

export const x509Guards: readonly Guard[] = [
  {
    name: "a CA issues only what the Authority lists it for",
    principle: "P1",
    file: "protocol/x509/verify.ts",
    find: "if (issuer.purpose !== ISSUED_BY[fields.profile]) {",
    replace: "if (!ISSUED_BY[fields.profile]) {",
    test: { file: VERIFY, name: "leaf: LDevID by the service CA" },
  },
  {
    name: "a certificate counts in its own fleet only",
    principle: "P1",
    file: "protocol/x509/verify.ts",
    find: "if (!equalBytes(fields.holder.fleetId, trust.fleetId)) throw",
    replace: "if (fields.holder.fleetId.length === 0) throw",
    test: { file: VERIFY, name: "leaf: another fleet's number, issued by our own CA" },
  },
  {
    name: "an IDevID comes with a station, not with any certificate",
    file: "protocol/x509/verify.ts",
    find: 'if (station.fields.profile !== "station") throw',
    replace: 'if (station.fields.profile === "gateway") throw',
    test: { file: VERIFY, name: "station: IDevID by an LDevID" },
  },
  {
    name: "nothing strange behind the leaf",
    file: "protocol/x509/verify.ts",
    find: "  checkOnlyListed(above, trust);\n",
    replace: "",
    test: { file: VERIFY, name: "chain: another device's certificate behind the leaf" },
  },
  {
    name: "a certificate that is not valid yet is never let in as expired",
    principle: "P9",
    file: "protocol/x509/verify.ts",
    find: 'if (!(nowSeconds >= notBeforeSeconds)) return "future";',
    replace: 'if (!(nowSeconds >= notBeforeSeconds)) return "expired";',
    test: { file: VERIFY, name: "an expired leaf of a future CA" },
  },
  {
    name: "an issuer's dates count for what it issued",
    file: "protocol/x509/verify.ts",
    find: "both(leaf.fields, both(top.fields, issuer.dates))",
    replace: "both(leaf.fields, top.fields)",
    test: { file: VERIFY, name: "a current leaf of an expired CA" },
  },
  {
    name: "an issuer's key signed the certificate",
    principle: "P1",
    file: "protocol/x509/link.ts",
    find: "|| !crypto.verify(issuer.publicKey, tbs, signature)",
    replace: "",
    test: { file: VERIFY, name: "leaf: one bit of the signature changed" },
  },
  {
    name: "an issuer is named by name and by key",
    file: "protocol/x509/link.ts",
    find: "|| !equalNames(fields.issuer, issuer.subject)",
    replace: "",
    test: { file: VERIFY, name: "leaf: signed by the CA's key under another name" },
  },
];
