/** How a gateway ends: it answers what was asked, takes nothing more, and does not wait for ever. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { utf8 } from "../../protocol/bytes.js";
import { SyncRequest } from "../../protocol/sync.js";
import { DEVICE, envelope, Stage, topics } from "./harness.js";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const UP = topics.up(DEVICE);

/** The fleet decides when it is told to. */
function heldBack(): { readonly asked: Promise<void>; release(): void } {
  let release = (): void => undefined;
  const asked = new Promise<void>((heard) => {
    stage.link.reply = () => {
      heard();
      return new Promise((resolve) => (release = () => resolve([utf8("the answer")])));
    };
  });
  return { asked, release: () => release() };
}

test("what was asked before is answered and acknowledged; who comes later is not let in, what comes later not taken", async () => {
  const device = await stage.device();
  const fleet = heldBack();
  const published = device.publish(UP, envelope(SyncRequest.type));
  await fleet.asked;
  expect(stage.gateway.isServing()).toBe(true);
  const closing = stage.gateway.close();
  expect(stage.gateway.isServing()).toBe(false);
  await expect(stage.connect("9999")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  fleet.release();
  await published;
  await device.message(utf8("the answer"));
  await closing;
  await device.isClosed();
  expect(stage.link.handled).toHaveLength(1);
});

test("a fleet that does not answer is waited for so long and no longer", async () => {
  const device = await stage.device();
  const fleet = heldBack();
  const published = device.publish(UP, envelope(SyncRequest.type));
  await fleet.asked;
  const closing = stage.gateway.close();
  stage.clock.advance(5_000);
  await expect(published).rejects.toThrow("closed");
  await closing;
});
