/** Two gateway processes on one port: a fleet that outlives either of them, and the absence of its service. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DeviceEvent } from "../../device/main.js";
import type { Transport } from "../../device/ports.js";
import { looksSigned } from "../../protocol/cose.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import type { Radio } from "../../simulators/voyage/radio.js";
import { must } from "../fleet/fixtures.js";
import type { Sailor } from "./aboard.js";
import { GatewayProcesses, signal } from "./gateway-processes.js";
import { Harbor, until } from "./harbor.js";

let harbor: Harbor;
let gateways: GatewayProcesses;
beforeEach(async () => {
  harbor = await Harbor.open();
  gateways = await GatewayProcesses.beside(harbor.service, 2);
});
afterEach(async () => {
  await harbor.close();
  await gateways.close();
});

const connections = ({ events }: Sailor) => events.filter(({ type }) => type === "connected").length;
/** A device that works, connected to the process that is left running. */
const workingAt = (pid: number, wrap?: (radio: Radio) => Transport) =>
  gateways.only(pid, () => harbor.working({ port: gateways.port, ...(wrap && { wrap }) }));

test("P10: a hold reaches a device wherever it is connected, and one process that dies takes nobody down", async () => {
  const [first, second] = [must(gateways.pids[0]), must(gateways.pids[1])];
  const here = await workingAt(first);
  const there = await workingAt(second);

  await harbor.hold([here.number, there.number], "restrict");
  for (const device of [here, there])
    await until(() => device.device.standing === "restrict", `device ${device.number} knows`);
  await harbor.release([here.number, there.number]);
  for (const device of [here, there]) await harbor.speaking(device);

  const [before, undisturbed] = [connections(here), connections(there)];
  signal(first, "SIGKILL");
  await until(() => connections(here) > before, "the device of the dead process is back");
  await harbor.speaking(here);
  await harbor.speaking(there);
  expect(connections(there)).toBe(undisturbed);

  expect(gateways.stderr).toContain(`gateway process ${first} ended (SIGKILL); another starts in 100 ms`);
  // The other one stands still, so whoever gets in now is served by the new one, on the same port.
  signal(second, "SIGSTOP");
  await harbor.working({ port: gateways.port });
  signal(second, "SIGCONT");
});

test("P9: without the service gateways say so, devices go on under their lease, and all is well when it is back", async () => {
  const [first] = gateways.pids;
  const errors: string[] = [];
  const listening = (radio: Radio): Transport => ({
    connect: (fleetId, door, events) =>
      radio.connect(fleetId, door, {
        ...events,
        received(bytes) {
          if (!looksSigned(bytes) && frameType(bytes) === ErrorReply.type)
            errors.push(decodeFrame(ErrorReply, bytes).code);
          events.received(bytes);
        },
      }),
  });
  const asking = await workingAt(must(first), listening);
  const speaking = await workingAt(must(first));
  const held = await workingAt(must(first));

  const before = held.events.length;
  await gateways.leave();
  await harbor.restore(Infinity); // the same log, another process as far as a gateway can tell
  asking.radio.switch(false);
  asking.radio.switch(true);
  await until(() => errors.includes("fleet-unreachable"), "who asks is told");
  await harbor.speaking(speaking);

  await harbor.hold([held.number], "isolate"); // nobody tells the gateways
  await gateways.serve(harbor.service);
  const silenced = ({ type, ...rest }: DeviceEvent) => type === "speak" && "allowed" in rest && !rest.allowed;
  await until(
    () => held.events.slice(before).some(silenced),
    "the live session is held for what happened meanwhile",
  );
  await until(() => held.device.standing === "isolate", "it asks why, and is told");
  harbor.clock.advance(10_000); // the device was asked to wait
  await harbor.speaking(asking);
  await harbor.hold([speaking.number], "restrict");
  await until(() => speaking.device.standing === "restrict", "a new hold arrives too");
  expect(gateways.problems).toEqual([]);
});
