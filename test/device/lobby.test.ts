/** The way back in: for a device whose server's chain does not verify, and for one whose own does not (P9, P11). */
import { describe, expect, test } from "vitest";
import { renewalSeconds } from "../../device/jobs.js";
import { tlsIdentity } from "../../device/machine.js";
import { encodeFrame } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import { Bench } from "./bench.js";
import { DAY, Owner, softSigner } from "./owner.js";

const lobby = (bench: Bench) => bench.feed({ type: "connected", door: "lobby" });
const refusedFor = (why: "dates" | "chain") => {
  const bench = new Bench(new Owner()).speaking();
  bench.feed({ type: "server-refused", why });
  lobby(bench);
  return bench;
};
const types = (effects: readonly { readonly type: string }[]) => effects.map(({ type }) => type);

describe("in the lobby", () => {
  test.each(["dates", "chain"] as const)("links are asked for, then the time, then it leaves: %s", (why) => {
    const bench = refusedFor(why);
    bench.owner.rotate();
    expect(bench.asked().kind).toBe("authority");
    bench.answer();
    expect(bench.asked().kind).toBe("time");
    expect(types(bench.answer())).toContain("reconnect");
    expect(bench.state).toMatchObject({ needsTime: false, needsLinks: false });
    expect(bench.state.held.trust.authority.value.version).toBe(2);
  });

  test("the time is signed by a key that only the links name", () => {
    const bench = refusedFor("dates");
    const lease = softSigner();
    bench.owner.rotate({ roles: { lease: { keys: [lease.publicKey], threshold: 1 } } }, { lease });
    bench.answer();
    bench.answer();
    expect(bench.state.needsTime).toBe(false);
  });

  test("a notice there gives no role, and starts nothing anew", () => {
    const bench = refusedFor("chain");
    const sent = bench.sent().length;
    for (const role of ["lobby", "pledge", "held", "device", "service"] as const)
      bench.notice(role, "no-certificate", 7);
    expect(bench.sent()).toHaveLength(sent);
    expect(bench.state.session?.role).toBeUndefined();
  });

  test("for links the time is asked for once: an error, or silence, and the front door is tried", () => {
    const bench = refusedFor("chain");
    bench.answer();
    const error = encodeFrame(ErrorReply, { code: "fleet-unreachable", retryAfterSeconds: 10 });
    expect(types(bench.receive(error))).toContain("reconnect");
    expect(bench.state).toMatchObject({ needsTime: false, needsLinks: false });
  });

  test("for the time it waits until it is told", () => {
    const bench = refusedFor("dates");
    bench.answer();
    bench.receive(encodeFrame(ErrorReply, { code: "fleet-unreachable", retryAfterSeconds: 10 }));
    bench.pass(10);
    expect(bench.asked().kind).toBe("time");
    bench.answer();
    expect(bench.state.needsTime).toBe(false);
  });

  test("silence about links does not keep the time away", () => {
    const bench = refusedFor("dates");
    for (let tries = 0; tries < 3; tries++) bench.pass(30);
    expect(bench.asked().kind).toBe("time");
  });

  test("one visit for each refusal: a chain that still does not verify is not asked about without end", () => {
    const bench = refusedFor("chain");
    bench.feed({ type: "disconnected" });
    expect(bench.state.needsLinks).toBe(false);
    bench.feed({ type: "server-refused", why: "chain" });
    expect(bench.state.needsLinks).toBe(true);
  });
});

describe("P9: a gateway that does not know the CA of the LDevID any more", () => {
  const refused = () => {
    const bench = new Bench(new Owner()).speaking();
    const deviceCa = softSigner();
    const cas = { device: deviceCa.publicKey };
    bench.owner.rotate({ cas, keep: "none" }, { "device-ca": deviceCa });
    bench.connect("device", 2);
    bench.answer();
    return { bench, effects: bench.notice("lobby", "bad-certificate", 2) };
  };

  test("the device comes back with its IDevID, and returns to a new LDevID", () => {
    const { bench, effects } = refused();
    expect(types(effects)).toContain("reconnect");
    expect(tlsIdentity(bench.state)).toEqual({ chain: bench.disk.idevid, key: "idevid" });
    bench.connect("pledge", 2);
    expect(bench.asked().kind).toBe("return");
    expect(types(bench.answer())).toContain("reconnect");
    expect(tlsIdentity(bench.state).key).toBe("ldevid-2");
    bench.connect("device", 2);
    bench.answer();
    expect(bench.state.speaking).toBe(true);
  });

  test("a reboot forgets it; and where the IDevID is refused too, nothing hurries", () => {
    const { bench } = refused();
    bench.feed({ type: "connected", door: "front" });
    expect(types(bench.notice("lobby", "bad-certificate", 2))).toEqual(["wake"]);
    expect(tlsIdentity(bench.state).key).toBe("ldevid-1");
    const other = refused().bench;
    other.reboot();
    expect(tlsIdentity(other.state).key).toBe("ldevid-1");
  });

  test("a pledge that has nothing else stays what it is", () => {
    const bench = new Bench(new Owner()).timed();
    bench.feed({ type: "connected", door: "front" });
    expect(types(bench.notice("lobby", "bad-certificate"))).toEqual(["wake"]);
  });
});

test("renewal is asked for through a chain of the new CA", () => {
  const bench = new Bench(new Owner()).speaking();
  const deviceCa = softSigner();
  bench.receive(
    bench.owner.rotate({ cas: { device: deviceCa.publicKey }, keep: "all" }, { "device-ca": deviceCa }),
  );
  bench.pass((renewalSeconds(bench.state) ?? 0) - bench.owner.now);
  bench.answer(); // of the sync that was due
  expect(bench.asked().kind).toBe("renew");
  bench.answer();
  expect(bench.disk.ldevid?.key).toBe("ldevid-2");
  expect(bench.owner.now).toBeGreaterThan(DAY);
});
