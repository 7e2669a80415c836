/** A fleet with its API, on a socket and in this process; a new one now and then, since accepted acts stay for good. */
import { createApi } from "../../../fleet/api/app.js";
import { exportFor } from "../../../fleet/bundles.js";
import { fromBase64Url } from "../../../fleet/events.js";
import { embeddedStation } from "../../../fleet/station/embedded.js";
import type { Station } from "../../../fleet/station/station.js";
import { takeDevice } from "../../../fleet/transfers.js";
import { joinBundle } from "../../../protocol/bundle.js";
import { toHex } from "../../../protocol/bytes.js";
import { serveFleet, type ServedFleet } from "../../fleet/served-fleet.js";
import type { World } from "../payload/world.js";
import type { Facts } from "./requests.js";

const DEVICES = 4;
const OPERATOR = "admin";
export class HttpStage {
  readonly fleet: ServedFleet;
  readonly app: ReturnType<typeof createApi>;
  readonly facts: Facts;
  /** Events that were written down since it began. */
  events = 0;
  /** Failures that are ours, as the API reports them. */
  readonly failures: unknown[];

  private constructor(fleet: ServedFleet, app: HttpStage["app"], facts: Facts, failures: unknown[]) {
    [this.fleet, this.app, this.facts, this.failures] = [fleet, app, facts, failures];
    fleet.service.onEvent(() => this.events++);
  }

  static async open({ home, handover }: World): Promise<HttpStage> {
    const failures: unknown[] = [];
    const late: { station?: Station } = {};
    const stationHere = (): Station => {
      if (!late.station) throw new Error("nobody asks before the fleet is served");
      return late.station;
    };
    const options = {
      station: (body: Uint8Array) => stationHere().receive(body),
      take: (order: Parameters<typeof takeDevice>[2], actor: string) =>
        takeDevice(fleet.service, stationHere(), order, actor),
      report: (error: unknown) => void failures.push(error),
    };
    const fleet = await serveFleet(DEVICES, options);
    const { service, admin } = fleet;
    late.station = await embeddedStation(service);
    const advice = {
      kind: "advise",
      numbers: [],
      match: "number in 3..9",
      level: "observe",
      reason: "old",
    } as const;
    await service.act(advice, OPERATOR);
    const waiting = { kind: "release", numbers: [1, 2], level: "none", reason: "found" } as const;
    const { id } = await service.act(waiting, "approver");
    const tokens = { actorOf: (token: string) => (token === admin ? OPERATOR : undefined) };
    const facts = {
      act: id,
      digest: service.actDigest(waiting),
      bundle: joinBundle(exportFor(service)),
      authority: home.founding,
      handover,
      from: toHex(home.service.trust.fleetId),
      births: [...home.births, fromBase64Url(service.view.authorities.get(1)?.signed ?? "")],
    };
    return new HttpStage(fleet, createApi(service, tokens, options), facts, failures);
  }

  close(): Promise<void> {
    return this.fleet.close();
  }
}
