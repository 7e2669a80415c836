/**
 * The first voyage: a small fleet is born, works, goes dark for 400 days, is quarantined meanwhile, comes
 * back with everything expired, and is heard only where it may be. Real parts, on loopback; the days pass
 * by an injected clock, which certificates, leases and logs follow too.
 */
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { type Claim, count, never } from "./claims.js";
import { type Sailor, report, signOn } from "./crew.js";
import type { StartFleet, VoyageFleet } from "./fleet-port.js";
import { loadLogbook, saveLogbook } from "./logbook.js";
import { Observer } from "./observer.js";

export interface VoyageOptions {
  readonly folder: string;
  readonly devices: number;
  readonly startFleet: StartFleet;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

export interface Voyage {
  readonly claims: readonly Claim[];
  readonly fleet: VoyageFleet;
  close(): Promise<void>;
}

const DAYS_DARK = 400;
const DAY_MS = 86_400_000;
/** Real time that each of those days is given. */
const MS_A_DAY = 5;
/** Longest wait for something that must happen; then the claim about it is false. */
const PATIENCE_MS = 30_000;

/** Sails once. @throws only when something is broken outright; a claim that fails is in the table. */
export async function sail(options: VoyageOptions): Promise<Voyage> {
  const { folder, say, startFleet } = options;
  const logbook = await loadLogbook(folder);
  const clock = new JumpClock(logbook.offsetMs);
  const fleet = await startFleet({ folder: join(folder, "fleet"), clock, name: "voyage" });
  const observer = new Observer();
  await observer.listen(fleet);
  const voyage = `voyage ${logbook.voyages + 1}`;
  say(`Fleet ${fleet.id} is up: its gateway speaks MQTT over TLS 1.3 on ${fleet.host}:${fleet.mqttPort}.`);

  const crew = await gather(options, fleet, clock);
  const claims: Claim[] = [];
  const heardFrom = (text: string, among = crew) =>
    among.filter(({ number }) => observer.from(number).includes(text));

  say(`\nWork. Each device sends a reading through its own certificate; an independent MQTT client listens.`);
  const morning = `${voyage}: before the dark`;
  for (const sailor of crew) report(sailor, morning);
  await eventually(() => heardFrom(morning).length === crew.length);
  claims.push(
    count("every device enrolled by itself and was heard", heardFrom(morning).length, crew.length, "heard"),
  );

  const suspects = crew.slice(0, Math.max(1, Math.floor(crew.length / 5)));
  const first = suspects[0]?.number ?? 0;
  say(
    `\nA rehearsal. Device ${first} is held and released again; somebody keeps a copy of that genuine release.`,
  );
  await fleet.hold([first], "restrict", "rehearsal");
  await fleet.release([first], "rehearsal over");
  const rehearsed = await eventually(() => receipts(fleet, first).at(-1)?.held?.level === "none");
  claims.push(
    count("a release signed by two people frees a device", rehearsed ? 1 : 0, 1, "confirmed by receipt"),
  );
  const oldRelease = eventsOf(fleet, "release-issued", first).at(-1)?.signed ?? "";

  say(`\nDark. All ${crew.length} radios go silent.`);
  for (const { radio } of crew) radio.switch(false);
  say(`Meanwhile one operator isolates ${suspects.length} of them, reported stolen.`);
  await fleet.hold(
    suspects.map(({ number }) => number),
    "isolate",
    "reported stolen",
  );
  say(
    `${DAYS_DARK} days pass, one by one, by an injected clock: leases, LDevIDs and gateway certificates run out on it.`,
  );
  await saveLogbook(folder, { voyages: logbook.voyages, offsetMs: logbook.offsetMs + DAYS_DARK * DAY_MS });
  for (let day = 0; day < DAYS_DARK; day++) {
    clock.advance(DAY_MS);
    await new Promise((done) => setTimeout(done, MS_A_DAY)); // machines do what became due on that day
  }
  await observer.listen(fleet);

  say(`\nReturn. Every device has something to say the moment its radio is on.`);
  const evening = `${voyage}: after the dark`;
  const returnedAt = fleet.events().length;
  for (const sailor of crew) report(sailor, evening);
  for (const { radio } of crew) radio.switch(true);
  const honest = crew.filter((sailor) => !suspects.includes(sailor));
  await eventually(() => heardFrom(evening, honest).length === honest.length);
  const renewed = fleet
    .events()
    .slice(returnedAt)
    .filter(({ via }) => via === "return");
  claims.push(
    count(
      "devices with expired certificates and leases came back alone",
      heardFrom(evening, honest).length,
      honest.length,
      "heard",
    ),
  );
  claims.push(
    count("each of them with a new LDevID, and nobody else", renewed.length, honest.length, "issued"),
  );
  const confirmed = () => {
    const log = fleet.events().slice(returnedAt);
    return suspects.filter(({ number }) =>
      log.some((e) => e.type === "receipt-received" && e.number === number && e.held?.level === "isolate"),
    );
  };
  await eventually(() => confirmed().length === suspects.length);
  claims.push(
    count("every isolated device confirmed its quarantine", confirmed().length, suspects.length, "receipts"),
  );

  say(
    `\nTricks. The old release is carried to device ${first} by hand; and its certificate is used by a plain MQTT client.`,
  );
  suspects[0]?.device.receive(new Uint8Array(Buffer.from(oldRelease, "base64url")));
  const accepted = suspects[0] ? await cheat(fleet, suspects[0], evening) : 0;
  claims.push(
    never("no gateway accepts application messages under a held device's certificate", accepted, "accepted"),
  );
  const early = heardFrom(evening, suspects).length;
  claims.push(never("no isolated device is heard before its release", early, "heard"));

  say(`\nRelease. One operator asks, a second one approves.`);
  await fleet.release(
    suspects.map(({ number }) => number),
    "found again",
  );
  await eventually(() => heardFrom(evening, suspects).length === suspects.length);
  claims.push(
    count(
      "released devices got new LDevIDs and are heard again",
      heardFrom(evening, suspects).length,
      suspects.length,
      "heard",
    ),
  );

  await saveLogbook(folder, {
    voyages: logbook.voyages + 1,
    offsetMs: logbook.offsetMs + DAYS_DARK * DAY_MS,
  });
  const close = async () => {
    await Promise.all(crew.map(({ device }) => device.close()));
    await observer.close();
    await fleet.close();
  };
  return { claims, fleet, close };
}

/** Takes on those who sailed before, gives birth to the rest, and frees who is still held from a run cut short. */
async function gather(
  { folder, devices, say }: VoyageOptions,
  fleet: VoyageFleet,
  clock: JumpClock,
): Promise<Sailor[]> {
  say(
    `\nBirth. ${devices} devices make their keys and get their papers from the station; those that have them go on.`,
  );
  const crew: Sailor[] = [];
  for (let i = 1; crew.length < devices; i++) {
    crew.push(await signOn(`buoy-${String(i).padStart(3, "0")}`, join(folder, "devices"), fleet, clock));
  }
  const held = crew
    .map(({ number }) => number)
    .filter((number) => !["none", "observe"].includes(fleet.levelOf(number) ?? "none"));
  if (held.length > 0) {
    say(`${held.length} of them are still held from a run that was cut short; two operators release them.`);
    await fleet.release(held, "left over from an earlier run");
  }
  return crew;
}

/** Uses a device's own key and certificate without its firmware. @returns how many messages were acknowledged. */
async function cheat(fleet: VoyageFleet, sailor: Sailor, text: string): Promise<number> {
  const { chain, key } = sailor.device.tlsIdentity;
  const client = await connectAsync({
    host: fleet.host,
    port: fleet.mqttPort,
    protocol: "mqtts",
    cert: certificatesToPem(...chain),
    key: await sailor.keys.tlsKey(key),
    rejectUnauthorized: false,
    clientId: String(sailor.number),
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  const closed = new Promise<number>((done) => client.once("close", () => done(0)));
  const taken = client.publishAsync(`app/${sailor.number}/reading`, text, { qos: 1 }).then(
    () => 1,
    () => 0,
  );
  const accepted = await Promise.race([closed, taken]);
  await client.endAsync(true);
  return accepted;
}

function eventsOf(fleet: VoyageFleet, type: string, number: number) {
  return fleet.events().filter((event) => event.type === type && event.number === number);
}

function receipts(fleet: VoyageFleet, number: number) {
  return eventsOf(fleet, "receipt-received", number);
}

/** True once the condition holds; false when it does not come about. */
async function eventually(condition: () => boolean): Promise<boolean> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await new Promise((done) => setTimeout(done, 20));
  }
  return true;
}
