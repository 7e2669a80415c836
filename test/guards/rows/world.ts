/** Guards that the invariants of the simulated world watch: with one of them away, its story breaks that invariant. */
import type { Guard } from "../guard.js";

const INVARIANTS = "test/world/invariants.test.ts";
const MACHINE = "device/machine.ts";
const DOCUMENTS = "device/documents.ts";
const TWO_SLOTS = "device/adapters/two-slots.ts";
const ADMISSION = "broker/admission.ts";
const CERTIFY = "fleet/registry-certify.ts";
const SYNC = "fleet/registry-sync.ts";

export const worldGuards: readonly Guard[] = [
  {
    name: "I1: an older document for one device changes nothing",
    principle: "P3",
    file: "device/ledger.ts",
    find: 'return order > 0 ? "newer" : "older";',
    replace: 'return order !== 0 ? "newer" : "older";',
    test: { file: INVARIANTS, name: "I1 Monotone an older directive that is repeated" },
  },
  {
    name: "I1: a state behind its counter raises an alarm",
    principle: "P3",
    file: TWO_SLOTS,
    find: 'const doubt = ahead < 0 ? "rollback" :',
    replace: "const doubt = ahead < 0 ? undefined :",
    test: { file: INVARIANTS, name: "I1 Monotone a device whose state was put back, but not its counter" },
  },
  {
    name: "I1: who shows an older token gets no lease",
    principle: "P3",
    file: "fleet/sync-tokens.ts",
    find: 'return after > shown && n > after ? "in-order" : "stale";',
    replace: 'return "in-order";',
    test: { file: INVARIANTS, name: "I1 Monotone a device that was put back whole gets no lease" },
  },
  {
    name: "I2: a second birth stands where the first one does",
    principle: "P7",
    file: CERTIFY,
    find: 'return earlier.reduce<Level>(higherLevel, born.birth.origin?.level ?? "none");',
    replace: 'return earlier.reduce<Level>((level) => level, born.birth.origin?.level ?? "none");',
    test: { file: INVARIANTS, name: "I2 No laundering hardware that is held is held" },
  },
  {
    name: "I2: a release waits for the lease that names it",
    principle: "P13",
    file: DOCUMENTS,
    find: "withHeld(state, { release: opened }, { release: opened.bytes, holds }),",
    replace:
      "withHeld(state, { release: opened, freed: opened }, { release: opened.bytes, freed: opened.bytes, holds: [] }),",
    test: { file: INVARIANTS, name: "I2 No laundering a release that no lease names" },
  },
  {
    name: "I3: a lease answers the question that waits",
    principle: "P13",
    file: DOCUMENTS,
    find: "if (subject !== record.number || !equalBytes(lease.value.nonce, nonce)) return undefined;",
    replace: "if (subject !== record.number || nonce.length === 0) return undefined;",
    test: { file: INVARIANTS, name: "I3 Fresh a lease that answers another question" },
  },
  {
    name: "I3: a lease counts for who holds what it names",
    principle: "P13",
    file: "protocol/vector.ts",
    find: "    notBehind(held.directive?.version, required.directive) &&\n",
    replace: "",
    test: { file: INVARIANTS, name: "I3 Fresh a lease counts only for a device that holds" },
  },
  {
    name: "I3: a lease names what is committed",
    principle: "P13",
    file: SYNC,
    find: "directive: inTerm(device.directive?.version, terms.directive),",
    replace: "directive: [0, 0],",
    test: { file: INVARIANTS, name: "I3 Fresh a lease names all that its fleet has committed" },
  },
  {
    name: "I4: a gateway keeps who is held from the application",
    principle: "P10",
    file: ADMISSION,
    find: 'if (isQuarantined(standing.level)) return { role: "held", reason: "quarantined", number };',
    replace: "",
    test: { file: INVARIANTS, name: "I4 Hear before speak a gateway takes nothing of a device that is held" },
  },
  {
    name: "I4: a gateway keeps a suspected clone from the application",
    principle: "P10",
    file: ADMISSION,
    find: 'if (standing.suspected) return { role: "held", reason: "suspected", number }; // which of the two is it?',
    replace: "",
    test: {
      file: INVARIANTS,
      name: "I4 Hear before speak a gateway takes nothing of a device that is suspected",
    },
  },
  {
    name: "I4: a device syncs before it speaks",
    principle: "P10",
    file: MACHINE,
    find: "    session.synced &&\n",
    replace: "",
    test: { file: INVARIANTS, name: "I4 Hear before speak a device that was away syncs" },
  },
  {
    name: "I5: who is out comes into the ledger",
    principle: "P1",
    file: "fleet/view-apply.ts",
    find: "if (isOut(before) !== isOut(after)) step.toggled.push(number);",
    replace: "",
    test: { file: INVARIANTS, name: "I5 Ledger the Beacon is over the numbers that are out" },
  },
  {
    name: "I5: ledger data is stored by the Beacon's digest",
    principle: "P1",
    file: "device/ledger.ts",
    find: "  if (content && isProvenBy(head.value, content, crypto))\n",
    replace: "  if (content)\n",
    test: { file: INVARIANTS, name: "I5 Ledger a change that does not lead to what the Beacon proves" },
  },
  {
    name: "I5: a number in the ledger is not trusted",
    principle: "P10",
    file: "device/peers.ts",
    find: '  if (ledger && holdsNumber(ledger.content, number)) return "number-denied";\n',
    replace: "",
    test: { file: INVARIANTS, name: "I5 Ledger nobody trusts a device that its ledger denies" },
  },
  {
    name: "I6: a device saves before it asks",
    principle: "P4",
    file: "device/loop.ts",
    find: "        await store.save(effect.record);\n        return undefined;",
    replace: "        void store.save(effect.record);\n        return undefined;",
    test: { file: INVARIANTS, name: "I6 Durable what a device asks with is stored before" },
  },
  {
    name: "I6: a fleet tells only what is in its log",
    principle: "P4",
    file: "fleet/known-fleet.ts",
    find: "await this.#log.append(subject, events, this.#ends.get(subject) ?? 0);",
    replace:
      'const position = this.#position + 1; this.take({ position, subject, events, hash: "" }); this.#log.append(subject, events, 0).catch(() => 0);',
    test: { file: INVARIANTS, name: "I6 Durable what a fleet has told of is in its log" },
  },
  {
    name: "I7: a number is given once",
    principle: "P7",
    file: CERTIFY,
    find: "if (sameDevice(known, birth)) return accept();",
    replace: "if (known) return accept(...birthFacts(view, birth, context));",
    test: { file: INVARIANTS, name: "I7 Identity a number is given to one piece of hardware only" },
  },
  {
    name: "I8: a connection that ended is tried again",
    principle: "P9",
    file: "device/contact.ts",
    find: "    if (!this.#synced && !this.#leaving) this.#tell();\n    this.#pause();\n",
    replace: "    if (!this.#synced && !this.#leaving) this.#tell();\n",
    test: { file: INVARIANTS, name: "I8 No brick a device whose connections broke" },
  },
  {
    name: "I9: an older token alone is no suspicion",
    file: "fleet/registry-sync.ts",
    find: "return provesTwo(tokens, era, sync)\n",
    replace: 'return sync.type === "sync" && [provesTwo, tokens, era].length > 0\n',
    test: { file: INVARIANTS, name: "I9 Honest an old sync that a gateway repeats" },
  },
  {
    name: "I9: the counter moves after the state is on disk",
    principle: "P3",
    file: TWO_SLOTS,
    find: "    await writeChecked(this.#path(slot), { ...file }, this.#disk);\n    this.#seen = { slot, counter: await this.#counter.increment(), saves: file.saves };",
    replace:
      "    const moved = await this.#counter.increment();\n    await writeChecked(this.#path(slot), { ...file }, this.#disk);\n    this.#seen = { slot, counter: moved, saves: file.saves };",
    test: { file: INVARIANTS, name: "I9 Honest a power cut at any step of a save" },
  },
  {
    name: "I2: a wipe puts no release in force",
    principle: "P13",
    file: "device/performing.ts",
    find: "const given = discard({ ...record, ",
    replace:
      "const given = discard({ ...record, ...(state.held.release && { freed: state.held.release.bytes }), ",
    test: {
      file: "test/world/invariants.test.ts",
      name: "I2 No laundering a release that wipes, and that no lease names, frees no device",
    },
  },
];
