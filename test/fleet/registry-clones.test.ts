/** Two holders of one device's keys are found; one holder never is, whatever the network and the fleet suffer. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { must } from "./fixtures.js";
import { Holder, Waters } from "./holders.js";
import { only, sync, types } from "./registry-rig.js";

type Step =
  | { readonly do: "contact" | "lose-reply" | "sign" | "vouch" | "reenroll" | "lose-all" }
  /** Of all that was ever signed, answered or given out: the one at this share of it. */
  | { readonly do: "deliver" | "hear" | "sign-probe" | "restore"; readonly share: number };

const share = fc.integer({ min: 0, max: 99 }).map((percent) => percent / 100);
const plain = (name: Exclude<Step, { readonly share: number }>["do"]) => fc.constant<Step>({ do: name });
const at = (name: Extract<Step, { readonly share: number }>["do"]) =>
  share.map((where): Step => ({ do: name, share: where }));
/** What a network does, and a gateway that lies. */
const troubles = [
  { weight: 3, arbitrary: plain("lose-reply") },
  { weight: 2, arbitrary: plain("sign") },
  { weight: 4, arbitrary: at("deliver") },
  { weight: 3, arbitrary: at("hear") },
  { weight: 2, arbitrary: at("sign-probe") },
];
const life: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: plain("contact") },
  { weight: 1, arbitrary: plain("vouch") },
  { weight: 1, arbitrary: plain("reenroll") },
  { weight: 1, arbitrary: plain("lose-all") },
  { weight: 1, arbitrary: at("restore") },
  ...troubles,
);
const trouble: fc.Arbitrary<Step> = fc.oneof(...troubles);

const pick = <T>(all: readonly T[], where: number): T | undefined => all[Math.floor(where * all.length)];

function live(waters: Waters, holder: Holder, step: Step): void {
  switch (step.do) {
    case "contact":
      return void waters.contact(holder);
    case "lose-reply":
      return void waters.deliver(waters.sign(holder, holder.probe));
    case "sign":
      return void waters.sign(holder, holder.probe);
    case "vouch":
      return waters.vouch();
    case "reenroll":
      return waters.reenroll(holder, holder.held);
    case "lose-all": // also what it stored; there is no other way back
      return waters.reenroll(holder);
    case "restore":
      return waters.restore(step.share);
    case "deliver": {
      const signed = pick(waters.signed, step.share);
      return void (signed && waters.deliver(signed));
    }
    case "hear":
      return holder.hear(pick(waters.replies, step.share) ?? { nonce: "none" });
    case "sign-probe":
      return void waters.sign(holder, pick(waters.probes, step.share));
  }
}

describe("one holder", () => {
  test("P9: is never suspected, and always gets a lease when it is heard at once", () => {
    fc.assert(
      fc.property(fc.array(life, { maxLength: 60, size: "max" }), (steps) => {
        const [waters, device] = [new Waters(), new Holder()];
        for (const step of steps) {
          live(waters, device, step);
          expect(waters.isSuspected).toBe(false);
        }
        expect(waters.sync(device).token).toMatchObject({ after: expect.any(Number) });
        expect(device.held).toMatchObject(must(waters.registry.device().lease).token);
      }),
      { numRuns: 2000 },
    );
  });

  test("P9: keeps its token when answers come late, from wherever", () => {
    const [waters, device] = [new Waters(), new Holder()];
    const [late, lost] = [waters.sign(device), waters.sign(device)];
    waters.deliver(lost);
    waters.sync(device);
    const { held } = device;
    device.hear(waters.deliver(late)); // by stick, while it already holds another of the same time
    expect(device.held).toEqual(held);
    expect(waters.sync(device).token).toMatchObject({ after: held?.n });
  });

  test("P9: of tokens under a secret that was lost goes on once somebody vouches, replies lost or not", () => {
    const [waters, device] = [new Waters(), new Holder({ n: 40, after: 39 })];
    for (let i = 0; i < 3; i++) waters.sync(new Holder());
    waters.vouch();
    for (let i = 0; i < 3; i++) waters.deliver(waters.sign(device));
    for (let i = 0; i < 3; i++) expect(waters.sync(device).token).toBeDefined();
    expect(waters.registry.device().tokens).toMatchObject({ issued: 40 + 6, shown: 40 + 5 });
  });

  test("P9: re-enrolled, begins without its token at a fleet that was restored, whatever it is made to sign", () => {
    const [waters, device] = [new Waters(), new Holder()];
    const early = waters.sign(device);
    for (let i = 0; i < 2; i++) waters.sync(device);
    const { probe } = waters.deliver(early);
    waters.restore(0);
    waters.reenroll(device);
    const made = waters.sign(device, probe); // by a gateway that kept this probe from before
    for (let i = 0; i < 3; i++) waters.sync(device);
    expect(waters.deliver(made).token).toBeUndefined();
    expect(waters.isSuspected).toBe(false);
  });

  /** Four syncs, of which the log has kept the first. */
  function restored(): { waters: Waters; device: Holder } {
    const [waters, device] = [new Waters(), new Holder()];
    for (let i = 0; i < 4; i++) waters.sync(device);
    waters.restore(0.25);
    return { waters, device };
  }
  const token = (n: number, era: number) => ({ token: { n, after: n - 1, era } });
  const raised = {
    accepted: false,
    refusal: { code: "fleet-unreachable" },
    noted: [{ type: "fence-raised" }],
  };

  test("P3: a log restored from a backup is told so by what the device shows, and leases nothing", () => {
    const { registry } = restored().waters;
    const decision = registry.ask(sync(token(4, 0)));
    const proof = { kind: "token", number: 1, shown: 4, issued: 1 };
    expect(decision).toMatchObject({ ...raised, noted: [{ proof }] });
  });

  test("P9: under new terms the same token gets a lease, whose token is above all that was lost", () => {
    const { waters, device } = restored();
    expect(only("lease-issued", waters.facts(waters.sign(device)))).toMatchObject({
      shown: 4,
      token: { n: 5, after: 4 },
    });
    expect(waters.registry.view.era).toBe(1);
  });

  test("P3: a second restore is told as the first was, though devices show tokens of before it too", () => {
    const { waters, device } = restored();
    for (let i = 0; i < 3; i++) waters.sync(device);
    waters.restore(0.6);
    const { registry } = waters;
    expect(registry.view.era).toBe(1);
    expect(registry.ask(sync(token(30, 0)))).toMatchObject({ accepted: true });
    expect(registry.ask(sync(token(35, 1)))).toMatchObject(raised);
  });

  test("P3: restored from before new terms began, the log is told so by any token of theirs", () => {
    const { waters, device } = restored();
    waters.sync(device);
    waters.restore(0.25);
    expect(waters.registry.view.era).toBe(0);
    expect(waters.registry.ask(sync(token(1, 1)))).toMatchObject(raised);
  });

  test("a claim under a bad seal stops nothing", () => {
    const { waters } = restored();
    const claim = { token: { n: 40, after: 39 } };
    expect(waters.registry.ask(sync(claim))).toMatchObject({ accepted: true });
    expect(waters.registry.view.fence).toBeUndefined();
  });
});

/** All orders of `a` turns of the first and `b` of the second. */
function orders(a: number, b: number): readonly (readonly (0 | 1)[])[] {
  if (a + b === 0) return [[]];
  const first = a > 0 ? orders(a - 1, b).map((rest) => [0 as const, ...rest]) : [];
  const second = b > 0 ? orders(a, b - 1).map((rest) => [1 as const, ...rest]) : [];
  return [...first, ...second];
}

/** A device that lived through `steps`, and who copied what it had stored at that time, or `ago` tokens before. */
function cloned(steps: readonly Step[], ago = 0): { waters: Waters; holders: [Holder, Holder] } {
  const [waters, device] = [new Waters(), new Holder()];
  const images = [device.held];
  for (const step of steps) {
    live(waters, device, step);
    if (step.do === "reenroll" || step.do === "lose-all") images.length = 0;
    images.push(device.held);
  }
  const distinct = images.filter((image, i) => image !== images[i + 1]);
  return { waters, holders: [device, new Holder(distinct.at(-1 - ago) ?? distinct[0])] };
}

describe("two holders", () => {
  const past = fc.array(life, { maxLength: 30, size: "max" });

  test.each(orders(2, 2))("P7: are suspected once both were heard twice: %s %s %s %s", (...order) => {
    fc.assert(
      fc.property(past, (steps) => {
        const { waters, holders } = cloned(steps);
        for (const turn of order) waters.contact(holders[turn]);
        expect(waters.isSuspected).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("P7: are suspected though one of them syncs each time before the other can answer a probe", () => {
    for (const order of orders(3, 3)) {
      const { waters, holders } = cloned([{ do: "contact" }, { do: "contact" }]);
      for (const turn of order) waters.sync(holders[turn]);
      expect(waters.isSuspected, order.join()).toBe(true);
    }
  });

  test("P7: are suspected whatever gets lost or comes late between, and if one is an older image", () => {
    const order = fc.constantFrom(...orders(3, 3));
    const between = fc.array(fc.tuple(fc.constantFrom(0 as const, 1 as const), trouble), { maxLength: 4 });
    const ago = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(past, ago, order, fc.array(between, { maxLength: 6 }), (steps, back, turns, troubled) => {
        // Where the fleet forgot or began anew, an older image begins as well as the newer one: found a sync later.
        const lived = steps.filter((step) => !/vouch|reenroll|lose-all|restore/.test(step.do));
        const { waters, holders } = cloned(lived, back);
        turns.forEach((turn, i) => {
          for (const [whose, step] of troubled[i] ?? []) live(waters, holders[whose], step);
          waters.contact(holders[turn]);
        });
        expect(waters.isSuspected).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("P7: once suspected", () => {
  function suspected() {
    const { waters, holders } = cloned([{ do: "contact" }]);
    for (const turn of [0, 0, 1] as const) waters.contact(holders[turn]);
    return { waters, holders, registry: waters.registry };
  }

  test("neither gets a lease, and it is recorded once", () => {
    const { waters, holders, registry } = suspected();
    for (const holder of holders) {
      expect(waters.facts(waters.sign(holder, { n: 2, key: registry.device().key.bytes }))).toEqual([]);
      expect(Object.keys(waters.contact(holder))).toEqual(["nonce"]);
    }
  });

  test("it stands where it stood, and is raised as any other, also by its own alarms", () => {
    const { waters, holders, registry } = suspected();
    expect(registry.device().level).toBe("none");
    registry.act("hold", "restrict");
    expect(registry.device().level).toBe("restrict");
    const alarmed = waters.facts(waters.sign(holders[0]), { alarms: [{ id: 1, kind: "tamper" }] });
    expect(types(alarmed)).toEqual(["alarm-reported", "directive-issued"]);
    expect(registry.device().level).toBe("isolate");
  });

  test("the fact names what was shown, and what had been shown before", () => {
    const { waters, holders } = cloned([{ do: "contact" }]);
    for (const turn of [0, 0] as const) waters.contact(holders[turn]);
    const { probe } = waters.sync(holders[1]);
    const facts = waters.facts(waters.sign(holders[1], probe));
    expect(facts).toEqual([{ type: "clone-suspected", number: 1, shown: 1, newest: 2 }]);
  });

  test("somebody who vouches ends it for the one that is left, and nothing signed before brings it back", () => {
    const { waters, holders } = suspected();
    waters.vouch();
    expect(waters.isSuspected).toBe(false);
    for (let i = 0; i < 3; i++) expect(waters.contact(holders[1]).token).toBeDefined();
    const past = waters.signed.slice();
    for (const signed of past) waters.deliver(signed);
    expect(waters.isSuspected).toBe(false);
    expect(waters.contact(holders[1]).token).toBeDefined();
  });

  test("vouched for while there are two, it is suspected again", () => {
    const { waters, holders } = suspected();
    waters.vouch();
    for (const turn of [0, 1, 0, 1, 0, 1] as const) waters.contact(holders[turn]);
    expect(waters.isSuspected).toBe(true);
  });
});

describe("a sync that is stale", () => {
  test("by itself is no evidence, however often it comes, and gets no lease", () => {
    const [waters, device] = [new Waters(), new Holder()];
    const old = waters.sign(device);
    for (let i = 0; i < 3; i++) waters.sync(device);
    for (let i = 0; i < 3; i++) expect(waters.facts(old)).toEqual([]);
    expect(waters.deliver(old)).toMatchObject({ probe: { n: 2 } });
  });

  test("P3: shows nothing that counts: what was shown never goes back", () => {
    const [waters, device] = [new Waters(), new Holder()];
    for (let i = 0; i < 5; i++) waters.sync(device);
    const { tokens } = waters.registry.device();
    for (const signed of waters.signed.slice(0, -1)) waters.deliver(signed);
    expect(waters.registry.device().tokens).toEqual(tokens);
  });

  test("still has its alarms heard", () => {
    const [waters, device] = [new Waters(), new Holder()];
    const old = waters.sign(device);
    for (let i = 0; i < 2; i++) waters.sync(device);
    const facts = waters.facts(old, { alarms: [{ id: 1, kind: "tamper" }] });
    expect(types(facts)).toEqual(["alarm-reported", "directive-issued"]);
  });

  test("that claims a huge token under a bad seal changes nothing", () => {
    const [waters, device] = [new Waters(), new Holder()];
    for (let i = 0; i < 3; i++) waters.sync(device);
    const { tokens } = waters.registry.device();
    const token = { n: 2 ** 50, after: tokens.shown };
    expect(waters.facts({ nonce: "thief", token })).toEqual([]);
    expect(waters.registry.device().tokens).toEqual(tokens);
    expect(waters.sync(device).token).toBeDefined();
  });

  test("the same sync again is the same lease, not a stale one", () => {
    const [waters, device] = [new Waters(), new Holder()];
    waters.sync(device);
    const signed = waters.sign(device);
    const first = waters.deliver(signed);
    expect(waters.facts(signed)).toEqual([]);
    expect(waters.deliver(signed)).toEqual(first);
  });
});
