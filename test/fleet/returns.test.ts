/** Each way to ask for an LDevID, in each state that a device can be in: what it gets, or which code. */
import { describe, expect, test } from "vitest";
import { toBase64Url } from "../../fleet/events.js";
import type { FleetPolicy } from "../../fleet/policy.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Signer } from "../../protocol/crypto.js";
import { decodeFrame } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import { DAY, freshKey, must, SmallDevice, SmallFleet } from "./fixtures.js";
import { heard, reenrollRequest, requestOf, ticketFor, WAYS } from "./returning.js";

interface Situation {
  readonly device: SmallDevice;
  readonly ticket: Signer;
}
type Prepare = (policy?: Partial<FleetPolicy>) => Promise<Situation>;

async function enrolled(policy: Partial<FleetPolicy> = {}): Promise<Situation> {
  const fleet = await SmallFleet.open({ policy });
  const device = await fleet.member("SN-1");
  return { device, ticket: await ticketFor(fleet, device.number) };
}

async function ended(policy: Partial<FleetPolicy> = {}): Promise<Situation> {
  const { device } = await enrolled(policy);
  device.fleet.clock.seconds += 30 * DAY + 1;
  return { device, ticket: await ticketFor(device.fleet, device.number) };
}

/** The act of an operator, after the device was enrolled and got its ticket. */
function then(act: (fleet: SmallFleet, number: number) => Promise<unknown>): Prepare {
  return async () => {
    const situation = await enrolled();
    const { fleet, number } = situation.device;
    expect(await act(fleet, number)).toBeUndefined();
    return situation;
  };
}

const suspect = async ({ service }: SmallFleet, number: number): Promise<undefined> => {
  const fact = { type: "clone-suspected", number, shown: 1, newest: 2 } as const;
  await service.record("fleet", () => fact);
};

const states: Readonly<Record<string, Prepare>> = {
  unknown: async () => {
    const fleet = await SmallFleet.open();
    const key = freshKey();
    const birth = {
      number: 7,
      hardwareId: utf8("SN-7"),
      model: "camera",
      publicKey: key.publicKey,
      index: 0,
    };
    const papers = fleet.papersOf({ ...birth, bornAt: fleet.service.now() });
    return { device: new SmallDevice(fleet, 7, key, papers), ticket: freshKey("Ed25519") };
  },
  "born only": async () => {
    const fleet = await SmallFleet.open();
    const device = await fleet.bear("SN-1");
    return { device, ticket: await ticketFor(fleet, device.number) };
  },
  enrolled: () => enrolled(),
  "LDevID ended": () => ended(),
  "LDevID ended, an operator is asked": () => ended({ returns: "ask" }),
  "LDevID ended, an operator agreed": async () => {
    const situation = await ended({ returns: "ask" });
    const { device } = situation;
    await heard(device, requestOf("return", device));
    const act = { kind: "readmit", numbers: [device.number], reason: "story" } as const;
    expect(await device.fleet.carryOut(act)).toBeUndefined();
    return situation;
  },
  "LDevID ended, nobody attests": () => ended({ returns: "attest" }),
  observed: then((fleet, number) => fleet.act("hold", [number], "observe")),
  restricted: then((fleet, number) => fleet.act("hold", [number], "restrict")),
  isolated: then((fleet, number) => fleet.act("hold", [number], "isolate")),
  "held by an advisory": then((fleet) => fleet.advise("number = 1", "isolate")),
  revoked: then((fleet, number) => fleet.act("hold", [number], "revoked")),
  "given away": then((fleet, number) =>
    fleet.carryOut({
      kind: "give",
      numbers: [number],
      owner: toBase64Url(new Uint8Array(32).fill(7)),
      reason: "sold",
    }),
  ),
  suspected: then(suspect),
  "suspected and isolated": then(async (fleet, number) => {
    await suspect(fleet, number);
    return fleet.act("hold", [number], "isolate");
  }),
  "with keys that were replaced": async () => {
    const { device, ticket } = await enrolled();
    const { fleet, number } = device;
    expect(await heard(device, reenrollRequest({ fleet, number, ticket }))).toBe("certificate");
    return { device, ticket: await ticketFor(fleet, number) };
  },
};

const [ok, held] = ["certificate", "held"];
/** In the order of `WAYS`; a re-enrollment has a good ticket wherever the device could be given one. */
const table: Readonly<Record<keyof typeof states, readonly [string, string, string, string]>> = {
  unknown: ["pending-import", "denied", "denied", "denied"],
  "born only": [ok, "not-enrolled", "not-enrolled", ok],
  enrolled: [ok, ok, ok, ok],
  "LDevID ended": [ok, "expired", ok, ok],
  "LDevID ended, an operator is asked": ["approval-pending", "expired", "approval-pending", ok],
  "LDevID ended, an operator agreed": [ok, "expired", ok, ok],
  "LDevID ended, nobody attests": ["approval-pending", "expired", "approval-pending", ok],
  observed: [ok, ok, ok, ok],
  restricted: [held, held, held, held],
  isolated: [held, held, held, held],
  "held by an advisory": [held, held, held, held],
  revoked: ["revoked", "revoked", "revoked", "revoked"],
  "given away": ["denied", "denied", "denied", "denied"],
  suspected: ["suspected", "suspected", "suspected", ok],
  "suspected and isolated": [held, held, held, held],
  "with keys that were replaced": ["superseded", "superseded", "superseded", ok],
};

const rows = Object.entries(table).flatMap(([state, codes]) =>
  WAYS.map((way, i) => [way, state, codes[i] ?? ""] as const),
);

describe("P9: what a device hears", () => {
  test("of every state there is a row", () => {
    expect(Object.keys(table)).toEqual(Object.keys(states));
  });

  test.each(rows)("to %s, %s: %s", async (way, state, code) => {
    const { device, ticket } = await must(states[state])();
    const message = requestOf(way, device, ticket);
    const first = await heard(device, message);
    expect([first, await heard(device, message)]).toEqual([code, code]); // to the same question the same answer
  });

  test.each(rows.filter(([, , code]) => code !== ok))(
    "P7: to %s, %s, changes no standing",
    async (way, state) => {
      const { device, ticket } = await must(states[state])();
      const before = device.fleet.service.view.devices.get(device.number);
      await device.send(requestOf(way, device, ticket));
      const after = device.fleet.service.view.devices.get(device.number);
      expect(after?.certificates).toEqual(before?.certificates);
      expect([after?.level, after?.suspectedAt, after?.lowestGeneration]).toEqual([
        before?.level,
        before?.suspectedAt,
        before?.lowestGeneration,
      ]);
    },
  );
});

describe("a return that an operator has to agree to", () => {
  test("is asked for once, however often the device repeats it, and later with the wire's longest pause", async () => {
    const { device } = await ended({ returns: "ask" });
    const message = requestOf("return", device);
    const replies = [await device.send(message), await device.send(requestOf("return", device))].flat();
    for (const reply of replies)
      expect(decodeFrame(ErrorReply, reply)).toMatchObject({
        code: "approval-pending",
        retryAfterSeconds: 3600,
      });
    const asked = (await device.fleet.events()).filter(({ type }) => type === "return-requested");
    expect(asked).toMatchObject([{ number: device.number, actor: `device/${device.number}` }]);
    expect(device.fleet.device(device.number).comingBack).toBe("asked");
  });

  test("is good for one LDevID: the next time it is asked again", async () => {
    const { device } = await must(states["LDevID ended, an operator agreed"])();
    expect(await heard(device, requestOf("return", device))).toBe(ok);
    device.fleet.clock.seconds += 30 * DAY + 1;
    expect(await heard(device, requestOf("return", device))).toBe("approval-pending");
  });

  test("does not let a device back that was held meanwhile", async () => {
    const { device } = await must(states["LDevID ended, an operator agreed"])();
    await device.fleet.act("hold", [device.number], "restrict");
    expect(await heard(device, requestOf("return", device))).toBe(held);
  });

  const verdicts = [
    ["attest", true, ok],
    ["attest", false, "approval-pending"],
    ["ask", true, "approval-pending"],
    ["accept", false, ok],
  ] as const;
  test.each(verdicts)("policy %s, attested %s: %s", async (returns, attested, code) => {
    const asked: number[] = [];
    const attest = (number: number) => asked.push(number) > 0 && attested;
    const fleet = await SmallFleet.open({ policy: { returns }, attest });
    const device = await fleet.member("SN-1");
    fleet.clock.seconds += 30 * DAY + 1;
    expect(await heard(device, requestOf("return", device))).toBe(code);
    expect(new Set(asked)).toEqual(new Set([device.number]));
  });
});
