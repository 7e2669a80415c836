/**
 * Topics and filters: each is judged by the rules and by an oracle that shares no code with them; and some go
 * over a real session, to see that the gateway asks the rules.
 */
import { type Admission, mayPublish, maySubscribe, type Occupant } from "../../../broker/admission.js";
import { SESSION_ROLES, type SessionRole } from "../../../protocol/notice.js";
import { toHex, utf8 } from "../../../protocol/bytes.js";
import { DEVICE, LDEVID, topics } from "../../broker/harness.js";
import { fleet } from "../../broker/scripted-link.js";
import { type Draw, pick } from "../draw.js";
import { type Edge, type Input, Unacceptable } from "../edge.js";
import { Attacked } from "../gateway/attacked.js";
import { connect, PACKET, PINGREQ, publish, subscribe, unsubscribe } from "../gateway/mqtt-bytes.js";
import type { Wire } from "../gateway/wire.js";
import { mutateText } from "../mutate-text.js";
import { oracleMayPublish, oracleMaySubscribe, type Whose } from "../topic-oracle.js";

const FLEET = toHex(fleet.fleetId);
const CLIENT_ID = "lobby-7";
const ROLES = Object.keys(SESSION_ROLES) as SessionRole[];
const NUMBERS = [DEVICE, 1, 47, 4_294_967_295];
/** One in so many goes over the wire, where it costs a hundred times as much. */
const ON_THE_WIRE = 100;
/** SUBACK for a filter that is refused (MQTT 3.1.1 §3.9.3). */
const REFUSED = 0x80;

const NAMES = NUMBERS.flatMap((number) => [
  topics.up(number),
  topics.down(number),
  `${topics.app(number)}temperature`,
  `${topics.app(number)}#`,
  `${topics.app(number)}+/door`,
]).concat(
  topics.all,
  topics.lobbyUp(CLIENT_ID),
  topics.lobbyDown(CLIENT_ID),
  "app/#",
  "app/+/door",
  "$SYS/#",
  "#",
);

export const topicEdge: Edge = {
  name: "topic",
  async open() {
    const attacked = await Attacked.open();
    let wire: Wire | undefined;
    const session = async (): Promise<Wire> => {
      if (wire && !wire.closed) return wire;
      wire = await attacked.secure(LDEVID);
      wire.send(connect(utf8(String(DEVICE))));
      if (!(await wire.packet(PACKET.connack))) throw new Unacceptable("the device is not let in");
      return wire;
    };
    return {
      draw: drawTopic,
      async attempt({ target, parts }) {
        const [who = new Uint8Array(), name = new Uint8Array()] = parts;
        const text = new TextDecoder().decode(name);
        if (target === "publish over the wire")
          return attacked.during(async () => publishOver(await session(), text));
        if (target === "subscribe over the wire")
          return attacked.during(async () => subscribeOver(await session(), text));
        const [role = 0, number = 0] = who;
        return judge(target, ROLES[role % ROLES.length]!, NUMBERS[number % NUMBERS.length]!, text);
      },
      async close() {
        await wire?.end();
        await attacked.close();
      },
    };
  },
};

function drawTopic(draw: Draw): Input {
  const name = draw(3) === 0 ? pick(draw, NAMES) : mutateText(pick(draw, NAMES), NAMES, draw);
  const act = draw(2) === 0 ? "publish" : "subscribe";
  const target = draw(ON_THE_WIRE) === 0 ? `${act} over the wire` : act;
  return { target, parts: [Uint8Array.of(draw(ROLES.length), draw(NUMBERS.length)), utf8(name)] };
}

function judge(act: string, role: SessionRole, number: number, text: string): string {
  const whose: Whose = { role, number, clientId: CLIENT_ID, fleet: FLEET };
  const admission: Admission = { role, reason: "ok", ...(role !== "lobby" && { number }) };
  const occupant: Occupant = { ...admission, clientId: CLIENT_ID };
  const [may, should] =
    act === "publish"
      ? [mayPublish(topics, occupant, text), oracleMayPublish(whose, text)]
      : [maySubscribe(topics, occupant, text), oracleMaySubscribe(whose, text)];
  if (may !== should) throw new Unacceptable(`a ${role} ${may ? "may" : "may not"} ${act} here`);
  return may ? "allowed" : "refused";
}

const DEVICE_HERE: Whose = { role: "device", number: DEVICE, clientId: String(DEVICE), fleet: FLEET };

/** What is not allowed ends the connection; what is allowed is acknowledged. */
async function publishOver(wire: Wire, topic: string): Promise<string> {
  wire.send(publish(utf8(topic), utf8("23.5")));
  const taken = (await wire.packet(PACKET.puback)) !== undefined;
  if (taken !== oracleMayPublish(DEVICE_HERE, topic))
    throw new Unacceptable(`the gateway ${taken ? "takes" : "refuses"} a publish on this topic`);
  return taken ? "allowed" : "refused";
}

/** Refused with a return code, or by the end of the connection where MQTT itself forbids the filter. */
async function subscribeOver(wire: Wire, filter: string): Promise<string> {
  wire.send(subscribe(utf8(filter)));
  const granted = (await wire.packet(PACKET.suback))?.at(-1) ?? REFUSED;
  if ((granted !== REFUSED) !== oracleMaySubscribe(DEVICE_HERE, filter))
    throw new Unacceptable(`the gateway ${granted === REFUSED ? "refuses" : "grants"} this filter`);
  wire.send(unsubscribe(utf8(filter)));
  wire.send(PINGREQ);
  await wire.packet(PACKET.pingresp);
  return granted === REFUSED ? "refused" : "allowed";
}
