/**
 * The shipped `daymark device run`, killed again and again while its fleet changes its mind; after each kill its
 * folder is held against the fleet's log. The moments are drawn from a seed, so a run can be had again as
 * far as two processes can.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storesIn } from "../../device/adapters/folder.js";
import { beBorn } from "../../device/birth.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Level } from "../../protocol/level.js";
import { type Draw, drawAt, pick } from "../fuzz/draw.js";
import { DeviceProcess, look, type Program } from "./device-process.js";
import { FickleFleet, ORDER } from "./fickle-fleet.js";
import { Harbor } from "./harbor.js";
import { dotted, type Kept, Witness } from "./kept.js";

/** When to kill: after some milliseconds, or when the device said, wrote or sent something the k-th time. */
const MOMENTS = ["milliseconds", "line", "file", "message"] as const;
type Moment = (typeof MOMENTS)[number];
/** Start-up, the first connection and some changes of level fall into it. */
const LONGEST_MS = 1_500;
/** The k-th line, change of a file, message: as many as there are in such a time. */
const MOST: Readonly<Record<Exclude<Moment, "milliseconds">, number>> = { line: 8, file: 60, message: 6 };
/** A kill that waits for something that does not come is not put off for longer. */
const LATEST_MS = 3_000;
/** In the end the device is waited for as long as this: it may have to pause, so much it has asked. */
const FINISH_MS = 40_000;
/** Changes of mind while the device is off. */
const MOST_MEANWHILE = 2;
/** One round in so many ends as a service manager ends it. */
const ONE_STOPPED_IN = 8;
/** Of its messages, one in so many finds a fleet that decides something else before it answers. */
const ONE_OVERTAKEN_IN = 8;
/** The device has a lease, so it holds all that was decided before: time for something new. */
const IN_TOUCH = /"type":"leased"/;

export interface Killed {
  /** By what the kill was timed; and how often the device was told to stop instead. */
  readonly ends: Readonly<Record<Moment | "stopped", number>>;
  /** Kills that cut a save off. */
  readonly savesCut: number;
  /** Directives and releases that the fleet issued, and how many of them a look found in the folder. */
  readonly issued: number;
  readonly found: number;
  /** Rounds after which the level kept was another than before, by direction. */
  readonly raised: number;
  readonly lowered: number;
  /** What must not be, with its round; empty when all held. */
  readonly complaints: readonly string[];
}

export interface Killing {
  readonly seed: number;
  readonly rounds: number;
  readonly program: Program;
}

/** @param onRound - called after each. */
export async function killedRounds(
  { seed, rounds, program }: Killing,
  onRound: (round: number) => void = () => undefined,
): Promise<Killed> {
  const folder = await mkdtemp(join(tmpdir(), "daymark-killed-"));
  const harbor = await Harbor.open();
  try {
    const about = { hardwareId: utf8("SN-0001"), model: "camera", crypto: nodeCrypto, ...storesIn(folder) };
    const { number } = await beBorn(about, (message) => harbor.station.receive(message));
    const victim = new Victim(harbor, number, folder, program);
    for (let round = 1; round <= rounds; round++) {
      await victim.round(round, drawAt(seed, round));
      onRound(round);
    }
    await victim.finish();
    return victim.figures();
  } finally {
    await harbor.close();
    await rm(folder, { recursive: true });
  }
}

class Victim {
  readonly #folder: string;
  readonly #fleet: FickleFleet;
  readonly #witness: Witness;
  readonly #start: () => DeviceProcess;
  readonly #ends = { milliseconds: 0, line: 0, file: 0, message: 0, stopped: 0 };
  readonly #found = new Set<string>();
  readonly #complaints: string[] = [];
  #savesCut = 0;
  #raised = 0;
  #lowered = 0;
  #level: Level = "none";
  /** Called for each message of the device that the fleet has put in its log. */
  #onMessage: () => void = () => undefined;

  constructor(harbor: Harbor, number: number, folder: string, program: Program) {
    this.#folder = folder;
    this.#fleet = new FickleFleet(harbor, number);
    this.#witness = new Witness(number);
    this.#start = () => new DeviceProcess(program, folder, `localhost:${harbor.port}`);
    harbor.service.onEvent((event) => {
      this.#witness.hear(event);
      if (event.actor === `device/${number}`) this.#onMessage();
    });
  }

  /** Runs the device, changes its level whenever it is in touch, kills it, and looks at what it kept. */
  async round(round: number, draw: Draw): Promise<void> {
    const moment = pick(draw, MOMENTS);
    const device = this.#start();
    await this.#comes(moment, device, draw);
    const stopped = draw(ONE_STOPPED_IN) === 0;
    await (stopped ? device.stop() : device.kill());
    this.#onMessage = () => undefined;
    for (let changes = draw(MOST_MEANWHILE + 1); changes > 0; changes--) this.#fleet.change(draw);
    await this.#fleet.decided();
    this.#ends[stopped ? "stopped" : moment] += 1;
    await this.#look(`round ${round}, by ${stopped ? "SIGTERM" : "SIGKILL"} after ${moment}`);
  }

  /** Left alone, the device comes to what the fleet has decided, and stops when it is told to. */
  async finish(): Promise<void> {
    const device = this.#start();
    await this.#hasLease(device);
    await device.stop();
    const kept = await this.#look("the end");
    if (!this.#fleet.isObeyedBy(kept))
      this.#complaints.push("the end: it does not hold what its fleet has decided");
  }

  figures(): Killed {
    return {
      ends: this.#ends,
      savesCut: this.#savesCut,
      issued: this.#fleet.issued.size,
      found: this.#found.size,
      raised: this.#raised,
      lowered: this.#lowered,
      complaints: this.#complaints,
    };
  }

  /** Resolves at a moment of this kind. */
  #comes(moment: Moment, device: DeviceProcess, draw: Draw): Promise<void> {
    return new Promise((due) => {
      const timer = setTimeout(due, moment === "milliseconds" ? draw(LONGEST_MS) : LATEST_MS);
      let left = moment === "milliseconds" ? Infinity : 1 + draw(MOST[moment]);
      const count = () => {
        left -= 1;
        if (left > 0) return;
        clearTimeout(timer);
        due();
      };
      if (moment === "line" || moment === "file") device.on(moment, count);
      device.on("line", (line) => IN_TOUCH.test(line) && this.#fleet.change(draw));
      this.#onMessage = () => {
        if (draw(ONE_OVERTAKEN_IN) === 0) this.#fleet.change(draw);
        if (moment === "message") count();
      };
    });
  }

  /** Resolves when the device has a lease that names all that was decided; or when that does not come about. */
  #hasLease(device: DeviceProcess): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, FINISH_MS);
      device.on("line", (line) => {
        if (!IN_TOUCH.test(line) || !this.#fleet.hasLentForAll) return;
        clearTimeout(timer);
        done();
      });
    });
  }

  async #look(when: string): Promise<Kept> {
    this.#witness.settle();
    const kept = await look(this.#folder);
    this.#complaints.push(...this.#witness.look(kept).map((complaint) => `${when}: ${complaint}`));
    if (kept.unfinished) this.#savesCut += 1;
    this.#count(kept);
    return kept;
  }

  #count({ holds: { directive, release, level } }: Kept): void {
    if (directive) this.#found.add(`directive-issued ${dotted(directive.version)}`);
    if (release) this.#found.add(`release-issued ${dotted(release.version)}`);
    const change = ORDER.indexOf(level) - ORDER.indexOf(this.#level);
    if (change > 0) this.#raised += 1;
    if (change < 0) this.#lowered += 1;
    this.#level = level;
  }
}
