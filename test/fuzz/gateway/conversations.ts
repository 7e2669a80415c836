/** What a hostile client says over one connection: packets that are nearly right, and in the end one that is not. */
import { utf8 } from "../../../protocol/bytes.js";
import { AuthorityRequest } from "../../../protocol/authority-links.js";
import { encodeFrame } from "../../../protocol/frame.js";
import { LedgerRequest } from "../../../protocol/ledger-part.js";
import { Receipt, SyncRequest } from "../../../protocol/sync.js";
import { TimeRequest } from "../../../protocol/time.js";
import { DEVICE, envelope, topics } from "../../broker/harness.js";
import { type Draw, pick } from "../draw.js";
import type { Input } from "../edge.js";
import { mutateBytes, noise } from "../mutate-bytes.js";
import { mutateText } from "../mutate-text.js";
import { connect, packet, PACKET, PINGREQ, publish, subscribe, unsubscribe } from "./mqtt-bytes.js";

/** As whom a client comes. */
const DOORS = ["device", "lobby", "service"] as const;
export type Door = (typeof DOORS)[number];

/** Packets of one connection, its CONNECT included. */
const MOST_PACKETS = 40;
const CLIENT_IDS: Record<Door, string> = { device: String(DEVICE), lobby: "lobby-7", service: "observer" };
const UP: Record<Door, string> = {
  device: topics.up(DEVICE),
  lobby: topics.lobbyUp(CLIENT_IDS.lobby),
  service: topics.up(DEVICE),
};

const MESSAGES = [
  envelope(SyncRequest.type),
  envelope(Receipt.type),
  envelope(63),
  encodeFrame(AuthorityRequest, { version: 1, maxReplyBytes: 4096 }),
  encodeFrame(LedgerRequest, { to: [1, 1], offset: 0, maxPartBytes: 64 }),
  encodeFrame(TimeRequest, { nonce: new Uint8Array(16) }),
  new Uint8Array(),
  new Uint8Array(65_000),
];
const FILTERS = [topics.down(DEVICE), topics.all, `${topics.app(DEVICE)}#`, `${topics.app(DEVICE)}+/door`];
const PACKET_TYPES = 16;

/**
 * A well-formed CONNECT first, as `target` says, or (one time in four) one that is not. Packets that end the
 * connection are last, so that those before them are read.
 */
export function drawConversation(draw: Draw): Input {
  const door = pick(draw, DOORS);
  const clientId = utf8(CLIENT_IDS[door]);
  if (draw(4) === 0) {
    const hello = pick(draw, [connect(clientId), strangeConnect(clientId, draw), ...sayings(door, draw, 1)]);
    const parts = [mutateBytes(hello, [hello], draw), ...sayings(door, draw, draw(6))];
    return { target: `${door}, before CONNECT`, parts };
  }
  const parts = [connect(clientId), ...sayings(door, draw, draw(MOST_PACKETS - 2)), lastWord(door, draw)];
  return { target: door, parts };
}

/** Will, user name, password, other versions and flags (§3.1.2). */
function strangeConnect(clientId: Uint8Array, draw: Draw): Uint8Array {
  return connect(clientId, draw(256), draw(256));
}

/** Packets that a session is to survive: each is taken, or refused alone. */
function sayings(door: Door, draw: Draw, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => {
    const id = 1 + draw(65_535);
    const filter = utf8(draw(2) === 0 ? pick(draw, FILTERS) : mutateText(pick(draw, FILTERS), FILTERS, draw));
    const message = pick(draw, MESSAGES);
    const says: readonly (() => Uint8Array)[] = [
      () => PINGREQ,
      () => subscribe(filter, draw(2), id),
      () => unsubscribe(filter, id),
      () => publish(utf8(UP[door]), draw(3) === 0 ? message : mutateBytes(message, MESSAGES, draw), 2, id),
      () => publish(utf8(UP[door]), mutateBytes(message.subarray(0, 300), MESSAGES, draw), draw(2) * 2, id),
      () => packet(PACKET.puback, Uint8Array.of(id >> 8, id & 0xff)),
    ];
    return pick(draw, says)();
  });
}

/** Anything: flags and types that there are not, lengths that lie, topics that are not its own, bytes turned. */
function lastWord(door: Door, draw: Draw): Uint8Array {
  const [saying = PINGREQ] = sayings(door, draw, 1);
  const topic = utf8(mutateText(topics.up(DEVICE), FILTERS, draw));
  const words: readonly (() => Uint8Array)[] = [
    () => mutateBytes(saying, [saying, PINGREQ], draw),
    () => publish(topic, utf8("23.5"), draw(16)),
    () => packet((draw(PACKET_TYPES) << 4) | draw(16), noise(draw(40), draw)),
    () => Uint8Array.of(draw(256), 0xff, 0xff, 0xff, draw(256)),
    () => connect(utf8(CLIENT_IDS[door])), // a second one
    () => noise(1 + draw(60), draw),
    () => packet(PACKET.disconnect),
  ];
  return pick(draw, words)();
}
