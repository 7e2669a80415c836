/** Guards of keys that are damaged, and of LDevIDs that one side no longer knows. */
import type { Guard } from "../guard.js";

const OWN_KEYS = "device/own-keys.ts";
const OWN_KEYS_TEST = "test/device/own-keys.test.ts";
const REFUSALS = "device/refusals.ts";
const REFUSALS_TEST = "test/device/refusals.test.ts";
const PUT_BACK = "test/world/put-back.test.ts";

export const keysGuards: readonly Guard[] = [
  {
    name: "a key that is not the one of its certificate is none",
    principle: "P9",
    file: OWN_KEYS,
    find: "return found.algorithm === algorithm && equalBytes(found.bytes, bytes);",
    replace: "return found.algorithm === algorithm && bytes.length > 0;",
    test: { file: OWN_KEYS_TEST, name: "P9: the key of its LDevID, a bit turned in the secret" },
  },
  {
    name: "a key file that cannot be read stops no device that has another identity",
    principle: "P9",
    file: OWN_KEYS,
    find: 'if (error instanceof DeviceError && error.code === "storage-damaged") return "damaged";',
    replace: "",
    test: { file: OWN_KEYS_TEST, name: "P9: the key of its LDevID, a bit turned in the frame" },
  },
  {
    name: "a disk that does not answer now loses no key",
    principle: "P9",
    file: OWN_KEYS,
    find: "throw error; // it may be there",
    replace: 'return "damaged";',
    test: { file: OWN_KEYS_TEST, name: "P9: a disk that does not answer now loses no key" },
  },
  {
    name: "a damaged key is removed",
    principle: "P8",
    file: OWN_KEYS,
    find: "    await keys.remove(name);\n    lost.add(name);",
    replace: "    lost.add(name);",
    test: { file: OWN_KEYS_TEST, name: "P9: the key of its LDevID, a bit turned in the secret" },
  },
  {
    name: "a damaged key of an open request is made again",
    principle: "P9",
    file: OWN_KEYS,
    find: 'if (request && (await find(keys, request.key)) === "damaged") await keys.remove(request.key);',
    replace: "void request;",
    test: { file: OWN_KEYS_TEST, name: "a key that waits for its certificate, a bit turned in the frame" },
  },
  {
    name: "a device that cannot say who it is says so at its start",
    file: "device/main.ts",
    find: "if (tlsIdentity(state).key === IDEVID_KEY) await assertIdevidKey(keys, state.idevidKey);",
    replace: "",
    test: { file: OWN_KEYS_TEST, name: "the key of its IDevID, a bit turned in the secret" },
  },
  {
    name: "a device does not show an IDevID whose key it does not have",
    file: "device/doors.ts",
    find: "if (key === IDEVID_KEY) await assertIdevidKey(keys, state.idevidKey);",
    replace: "",
    test: { file: OWN_KEYS_TEST, name: "when it has to come back by an IDevID whose key is damaged" },
  },
  {
    name: "an LDevID that the fleet does not take is left for the IDevID",
    principle: "P9",
    file: REFUSALS,
    find: 'return code === "denied" && byLdevid &&',
    replace: "return false && byLdevid &&",
    test: { file: PUT_BACK, name: "P7: a whole disk from before its renewal" },
  },
  {
    name: "a device that shows its IDevID does not leave for it again",
    principle: "P11",
    file: REFUSALS,
    find: "const byLdevid = !asPledge && held.ldevid !== undefined;",
    replace: "const byLdevid = asPledge !== undefined && held.ldevid !== undefined;",
    test: { file: REFUSALS_TEST, name: "denied a sync by an LDevID" },
  },
  {
    name: "who shows its IDevID signs with the key of that",
    principle: "P9",
    file: "device/requests.ts",
    find: "if (!asPledge && record.ldevid && held.ldevid)",
    replace: "if (asPledge !== undefined && record.ldevid && held.ldevid)",
    test: { file: REFUSALS_TEST, name: "denied a sync by an LDevID" },
  },
  {
    name: "what was answered before the device was put back is asked anew",
    principle: "P9",
    file: REFUSALS,
    find: "return discard(record, request ? [request.key] : []);",
    replace: "return discard({ ...record, ...(request && { request }) }, []);",
    test: { file: REFUSALS_TEST, name: "denied a enroll: asked with a new nonce and key" },
  },
  {
    name: "a return that is denied becomes an enrollment, which brings the birth",
    principle: "P9",
    file: REFUSALS,
    find: 'if (code === "denied" && request === "return" && !state.record.base) return "enroll";',
    replace: "",
    test: { file: REFUSALS_TEST, name: "a return refused as denied: a enroll after the pause" },
  },
];
