/** Two operators who hold devices and lift holds without end, over the API; and what they got an answer for. */
import { join } from "node:path";
import { readToken } from "../../fleet/adapters/token-folder.js";
import type { ActResource } from "../../fleet/api/acts.js";
import type { DeviceList, DeviceResource } from "../../fleet/api/devices.js";
import { CliError, EXIT } from "../../fleet/cli/exit.js";
import { FleetClient } from "../../fleet/cli/http.js";
import { type Draw, pick } from "../fuzz/draw.js";
import { approved, issuedFor, requested } from "./facts.js";

/** Devices of one page, the most that the API gives. */
const PAGE = 1_000;
const LEVELS = ["observe", "restrict", "isolate"] as const;

export class Operators {
  readonly #admin: FleetClient;
  readonly #approver: FleetClient;
  readonly #acknowledge: (fact: string) => void;

  private constructor(admin: FleetClient, approver: FleetClient, acknowledge: (fact: string) => void) {
    this.#admin = admin;
    this.#approver = approver;
    this.#acknowledge = acknowledge;
  }

  /** @param acknowledge - called with each fact that an answer vouches for. */
  static async at(api: string, tokens: string, acknowledge: (fact: string) => void): Promise<Operators> {
    const client = async (name: string) =>
      new FleetClient(new URL(api), await readToken(join(tokens, name)), "is it killed?");
    return new Operators(await client("admin"), await client("approver"), acknowledge);
  }

  /** One act after the other, each about one of `numbers`, until something is not answered well. */
  async work(numbers: readonly number[], draw: Draw, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const number = pick(draw, numbers);
      await (draw(2) === 0 ? this.hold([number], pick(draw, LEVELS)) : this.#lift(number)).catch(
        unlessInTheWay,
      );
    }
  }

  /** In force when it resolves. @throws CliError */
  async hold(numbers: readonly number[], level: (typeof LEVELS)[number]): Promise<void> {
    const body = { numbers, level, reason: "lost sight of" };
    const { id } = await this.#admin.post<ActResource>("/v1/quarantine/requests", body);
    this.#acknowledge(requested(id));
    for (const number of numbers) this.#acknowledge(issuedFor(id, number));
  }

  /** Of all pages. @throws CliError */
  async devices(): Promise<readonly DeviceResource[]> {
    const devices: DeviceResource[] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page: DeviceList = await this.#admin.get(`/v1/devices?after=${after}&limit=${PAGE}`);
      devices.push(...page.devices);
      after = page.next;
    }
    return devices;
  }

  async #lift(number: number): Promise<void> {
    const body = { numbers: [number], reason: "found again" };
    const { id, digest } = await this.#admin.post<ActResource>("/v1/quarantine/lifts", body);
    this.#acknowledge(requested(id));
    await this.#approver.post<ActResource>(`/v1/quarantine/requests/${id}/approve`, { digest });
    this.#acknowledge(approved(id));
    this.#acknowledge(issuedFor(id, number));
  }
}

/** Somebody else's act came first, or there is nothing to lift: no news of the fleet's health. */
function unlessInTheWay(error: unknown): void {
  if (!(error instanceof CliError) || error.exitCode !== EXIT.conflict) throw error;
}
