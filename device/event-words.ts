/** What happened to a device, in words for whoever watches it run. Pure. */
import { HOST_ACTS } from "./adapters/folder.js";
import type { DeviceEvent } from "./main.js";
import type { Refusal } from "./refusals.js";

/** One line. */
export function wordsFor(
  event: Exclude<DeviceEvent, { type: "failed" }> | { type: "failed"; text: string },
): string {
  switch (event.type) {
    case "level":
      return `level ${event.before} -> ${event.level}`;
    case "connected":
      return event.door === "lobby"
        ? "connected to the lobby, for links of the Authority and the time"
        : "connected";
    case "leased":
      return `in touch: lease until ${new Date(event.goodUntil * 1000).toISOString()}`;
    case "freshness":
      return event.fresh
        ? "contact is fresh"
        : `contact is not fresh: the lease ended${event.level === "none" ? "" : `, and asks for level ${event.level}`}`;
    case "refused-request":
      return `not given (${event.code}): ${event.request}; ${NEXT_WORDS[event.next]}`;
    case "speak":
      return event.allowed ? "may speak" : "must not speak";
    case "refused":
      return `refused what came (${event.code}): ${event.text}`;
    case "server-refused":
      return event.why === "dates"
        ? "refused the server: its certificate's dates do not fit; asking the lobby for the time"
        : "refused the server: its certificate is not one of this fleet's; asking the lobby for newer Authorities";
    case "act":
      return `the fleet asks this host to ${HOST_ACTS[event.act]}`;
    case "transferred":
      return `given to fleet ${event.fleet}: device ${event.number} there`;
    case "failed":
      return `stopped: ${event.text}`;
    case "disconnected":
      return "disconnected";
  }
}

const NEXT_WORDS: Readonly<Record<Refusal["next"], string>> = {
  retry: "asked again after a pause",
  "wait-for-operator": "an operator has to decide; asked again after a pause",
  return: "its LDevID has ended for the fleet; asks to return",
  enroll: "the fleet knows of no LDevID; enrolls",
  ticket: "it takes a ticket of an operator: daymark device reenroll",
  none: "nothing that this device can do helps; asked again ever more seldom",
};
