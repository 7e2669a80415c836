/** `/v1/transfers`: a device goes to another owner, or comes from one; both by file. */
import { Hono } from "hono";
import { z } from "zod";
import { fromHex } from "../../protocol/bytes.js";
import type { Level } from "../../protocol/level.js";
import { type Base64Url, fromBase64Url, toBase64Url } from "../events.js";
import { giftOf } from "../registry-transfer.js";
import type { FleetService } from "../service.js";
import { handoverOf, ownerIn, type Taken, type TakeOrder } from "../transfers.js";
import { actResource, type ActResource, fileAct } from "./acts.js";
import type { ApiEnv } from "./auth.js";
import { readJson } from "./input.js";
import { hexOf } from "./json.js";
import { Problem } from "./problem.js";

/** Answer to `POST /v1/transfers/give`; asked again once the request was approved, it holds the file. */
export interface GivenDevice {
  readonly number: number;
  readonly request: ActResource;
  /** For the next owner: a bundle. Absent: the device was not given away yet. */
  readonly handover?: Base64Url;
}

/** Answer to `POST /v1/transfers/take`. */
export interface TakenDevice {
  /** In this fleet. */
  readonly number: number;
  /** Ids of the fleets that gave and that made it, hex. */
  readonly from: string;
  readonly maker: string;
  readonly level: Level;
  /** For the device: a bundle. */
  readonly arrival: Base64Url;
}

/** Has the station of this fleet draw up papers; see `takeDevice`. */
export type Take = (order: TakeOrder, actor: string) => Promise<Taken>;

const Bytes = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/, "not base64url")
  .transform(fromBase64Url);
const FleetId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, "not the id of a fleet: 32 hex digits")
  .transform(fromHex);
const GiveBody = z.strictObject({
  number: z.int().min(1).max(0xffff_ffff),
  to: Bytes,
  reason: z.string(),
});
const TakeBody = z.strictObject({ handover: Bytes, from: FleetId, maker: FleetId.optional() });

/** @param take - absent where there is no station. */
export function transferRoutes(service: FleetService, take?: Take): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/give", async (c) => {
      const { number, to, reason } = await readJson(c, GiveBody);
      const owner = ownerIn(to, service);
      const asked = giftOf(service.view, number, owner, service.now());
      const act = { kind: "give", numbers: [number], owner, reason } as const;
      const request = asked ? actResource(service, asked) : await fileAct(service, act, c.get("actor"));
      const handover = handoverOf(service, number);
      const given: GivenDevice = { number, request, ...(handover && { handover: toBase64Url(handover) }) };
      return c.json(given, asked ? 200 : 201);
    })
    .post("/take", async (c) => {
      const { handover, from, maker } = await readJson(c, TakeBody);
      if (!take) throw new Problem("not-found", "this server has no station that could draw up papers");
      const { device, origin, arrival } = await take(
        { handover, from, ...(maker && { maker }) },
        c.get("actor"),
      );
      const taken: TakenDevice = {
        number: device.number,
        from: hexOf(origin.giver),
        maker: hexOf(origin.maker),
        level: device.level,
        arrival: toBase64Url(arrival),
      };
      return c.json(taken);
    });
}
