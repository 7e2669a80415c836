/** The exchanges of a device's life, each as what begins it and where it leads: for tests that disturb them. */
import { setImmediate } from "node:timers/promises";
import { readLdevid } from "../../device/held.js";
import type { DeviceRecord } from "../../device/record.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BirthGrant } from "../../protocol/birth.js";
import { utf8 } from "../../protocol/bytes.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frame.js";
import { Transfer } from "../../protocol/voucher.js";
import { DAY, entropy, type Owner } from "./owner.js";
import type { Afloat } from "./shore.js";

/** Of the one device. */
export const HARDWARE = utf8("hw-1");

export type Ends = (record: DeviceRecord) => boolean;

export interface Exchange {
  readonly name: string;
  /** What the exchange starts from: a device that works and was led up to it. */
  readonly prepare?: (afloat: Afloat) => Promise<void>;
  /** Makes it happen: on the device that loses its power, and on each that starts again before the end. */
  readonly begin: (afloat: Afloat) => void;
  readonly ends: Ends;
}

export const isWorking: Ends = ({ ldevid, lease }) => ldevid !== undefined && lease !== undefined;
const isHeld: Ends = ({ holds }) => holds.some(({ level }) => level === "isolate");
const hasNewKey: Ends = (record) => isWorking(record) && record.ldevid?.key !== "ldevid-1";

const home = ({ shore }: Afloat): Owner => shore.owners[0]!;
const bring =
  (documents: (owner: Owner) => readonly Uint8Array[]) =>
  (afloat: Afloat): void => {
    for (const document of documents(home(afloat))) afloat.device.receive(document);
  };
/** The next sync brings it. */
const give =
  (documents: (owner: Owner) => readonly Uint8Array[]) =>
  (afloat: Afloat): void => {
    afloat.shore.documents = documents(home(afloat));
    afloat.pass(DAY);
  };
/** The same for one fleet, however often it is asked. */
const once = <T>(make: (owner: Owner) => T) => {
  const made = new WeakMap<Owner, T>();
  return (owner: Owner) => made.get(owner) ?? made.set(owner, make(owner)).get(owner)!;
};

const held = once((owner) => [owner.directive(1, 1, "isolate")]);
const ticket = entropy(32);

export const exchanges: readonly Exchange[] = [
  { name: "a directive that is pushed", begin: bring(held), ends: isHeld },
  { name: "a sync that raises", begin: give(held), ends: isHeld },
  {
    name: "a release, and the sync that puts it in force",
    prepare: async (afloat) => {
      bring(held)(afloat);
      await afloat.until(isHeld, "it is held");
    },
    begin: bring(once((owner) => [owner.release(1, 1, "none")])),
    ends: (record) => record.freed !== undefined && !isHeld(record),
  },
  {
    name: "a renewal",
    prepare: async (afloat) => {
      for (let day = 0; day < 20; day++) {
        afloat.pass(DAY);
        await setImmediate();
      }
    },
    begin: (afloat) => afloat.pass(DAY),
    ends: hasNewKey,
  },
  {
    name: "a return",
    begin: ({ device, shore, line }) => {
      shore.expired ??= readLdevid(device.tlsIdentity.chain[0]!).publicKey;
      line.calls.at(-1)?.close();
    },
    ends: hasNewKey,
  },
  {
    name: "new keys, asked for by a directive",
    begin: give(once((owner) => [owner.directive(1, 1, "none", { rekey: 1 })])),
    ends: (record) => record.done?.rekey === 1 && hasNewKey(record),
  },
  {
    name: "a wipe",
    begin: give(once((owner) => [owner.release(1, 1, "none", { wipe: 1 })])),
    ends: (record) => record.done?.wipe === 1 && hasNewKey(record),
  },
  {
    name: "a link of the Authority",
    begin: bring(once((owner) => [owner.rotate()])),
    ends: ({ earlier = [] }) => earlier.length === 1,
  },
  {
    name: "a Beacon, and the ledger that it proves",
    begin: (afloat) => {
      const denied = (home(afloat).denied = [5, 6, 7]);
      afloat.device.receive(home(afloat).beacon(1, { issuedAt: 0 }, denied));
    },
    ends: ({ ledger }) => ledger !== undefined,
  },
  {
    name: "an advisory that matches",
    begin: give(
      once((owner) => [
        owner.advisories(1, [{ id: 1, match: { op: "everything" }, level: "restrict", reason: "" }]),
      ]),
    ),
    ends: ({ latched = [] }) => latched.length === 1,
  },
  {
    name: "a fork, and its alarm",
    begin: bring(once((owner) => [...held(owner), owner.directive(1, 1, "none", { reason: "other" })])),
    ends: ({ alarms }) => alarms.length === 1,
  },
  {
    name: "a re-enrollment with a ticket",
    begin: ({ device }) => void device.reenroll(ticket).catch(() => undefined),
    ends: (record) =>
      record.base !== undefined && record.ldevid?.key === record.base.key && isWorking(record),
  },
  {
    name: "a change of owner",
    begin: (afloat) => afloat.device.receive(transferOf(afloat)),
    ends: (record) => record.maker !== undefined && isWorking(record),
  },
];

const transfers = new WeakMap<object, Uint8Array>();
/** The papers of the next owner, with the link that gives the device to it; the same each time. */
function transferOf({ shore }: Afloat): Uint8Array {
  const [from, to] = shore.owners as readonly [Owner, Owner];
  const known = transfers.get(shore.idevid);
  if (known) return known;
  const papers = to.papers(7, HARDWARE, shore.idevid);
  const hashOf = (envelope: Uint8Array) => nodeCrypto.sha256(parseEnvelope(envelope).payload);
  const link = {
    hardwareId: HARDWARE,
    deviceKey: nodeCrypto.sha256(shore.idevid.bytes),
    index: 1,
    previous: hashOf(shore.voucher),
    owner: hashOf(papers.authority),
    level: "none",
    issuedAt: from.now,
  } as const;
  const voucher = sealEnvelope(Transfer, link, from.keys.transfer, from.trust.fleetId, nodeCrypto);
  const granted = encodeFrame(BirthGrant, { ...papers, voucher });
  transfers.set(shore.idevid, granted);
  return granted;
}
