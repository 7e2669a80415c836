/** What an application may publish: checked before it waits, since gateways cut who goes beyond. */
import { DeviceError } from "./errors.js";

const TOPIC = /^[A-Za-z0-9_-]{1,64}(\/[A-Za-z0-9_-]{1,64}){0,7}$/;
/** A gateway takes 256 bytes of topic, with `app/<number>/` before it, and 70,000 of packet. */
const MAX_TOPIC_CHARACTERS = 240;
const MAX_PAYLOAD_BYTES = 65_536;

/** @throws DeviceError "bad-name" or "too-large" */
export function assertPublishable(topic: string, payload: Uint8Array): void {
  if (!TOPIC.test(topic) || topic.length > MAX_TOPIC_CHARACTERS)
    throw new DeviceError("bad-name", "a topic has 1 to 8 levels of letters, digits, - and _, joined by /");
  if (payload.length > MAX_PAYLOAD_BYTES)
    throw new DeviceError("too-large", `a message has at most ${MAX_PAYLOAD_BYTES} bytes; send it in parts`);
}
