/** `/v1/authority`: the chain of Authorities, and its next link, signed by root keys elsewhere. */
import { Hono } from "hono";
import { Authority } from "../../protocol/authority.js";
import { joinBundle } from "../../protocol/bundle.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { fromBase64Url } from "../events.js";
import type { FleetService } from "../service.js";
import type { ApiEnv } from "./auth.js";
import { readBundle, sendBundle } from "./octets.js";
import { Problem } from "./problem.js";

/** Answer to a link, or to a chain that ends with it. */
export interface InstalledAuthority {
  /** Newest version, in force now. */
  readonly version: number;
  /** How many versions were new. */
  readonly taken: number;
}

export function authorityRoutes(service: FleetService): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", (c) => {
      const links = [...service.view.authorities.values()].map(({ signed = "" }) => fromBase64Url(signed));
      return sendBundle(c, joinBundle(links));
    })
    .post("/", async (c) => {
      const links = await readBundle(c);
      if (links.some((link) => parseEnvelope(link).type !== Authority.type))
        throw new Problem("bad-request", "only Authorities go here; other documents: POST /v1/bundle");
      const before = service.view.authorities.size;
      for (const link of links) await service.installAuthority(link, c.get("actor"));
      const { version } = service.trust.authority.value;
      const answer: InstalledAuthority = { version, taken: service.view.authorities.size - before };
      return c.json(answer);
    });
}
