/** Bytes over the API: bundles, as CBOR sequences, and whatever else is signed for itself. */
import type { Context } from "hono";
import { MAX_BUNDLE_BYTES, splitBundle } from "../../protocol/bundle.js";
import { Problem } from "./problem.js";

/** RFC 8742 §6.1. */
export const BUNDLE_TYPE = "application/cbor-seq";
export const MAX_BUNDLE_BODY_BYTES = MAX_BUNDLE_BYTES;

/** @throws Problem "wrong-media-type". */
export async function readOctets(c: Context, type: string): Promise<Uint8Array> {
  if (c.req.header("content-type") !== type)
    throw new Problem("wrong-media-type", `send Content-Type: ${type}`);
  return new Uint8Array(await c.req.arrayBuffer());
}

/** @returns its items. @throws Problem "wrong-media-type"; ProtocolError for what is no bundle. */
export async function readBundle(c: Context): Promise<readonly Uint8Array[]> {
  const items = splitBundle(await readOctets(c, BUNDLE_TYPE));
  if (items.length === 0) throw new Problem("bad-request", "this bundle is empty");
  return items;
}

export function sendBundle(c: Context, bundle: Uint8Array): Response {
  return c.body(new Uint8Array(bundle), 200, { "Content-Type": BUNDLE_TYPE });
}
