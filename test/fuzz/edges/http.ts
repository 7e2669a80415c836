/**
 * The HTTP API: most requests go to it in this process, some over its socket, byte by byte. Whatever comes,
 * the answer is below 500, and what was refused has left nothing in the log.
 */
import { concatBytes, utf8 } from "../../../protocol/bytes.js";
import { type Draw } from "../draw.js";
import { type Edge, type Input, Unacceptable } from "../edge.js";
import { plainSocket } from "../gateway/wire.js";
import { judgeAnswer } from "../http/answer.js";
import { rawExchange } from "../http/raw.js";
import { type Request as WireRequest, requestDrawer, TOKEN } from "../http/requests.js";
import { HttpStage } from "../http/stage.js";
import { mutateBytes } from "../mutate-bytes.js";
import { makeWorld } from "../payload/world.js";

/** One in so many goes over the socket. */
const ON_THE_SOCKET = 8;
/** Accepted acts after which a new fleet is founded: they stay for good, and memory is measured. */
const EVENTS_OF_ONE_FLEET = 400;

export const httpEdge: Edge = {
  name: "http",
  async open() {
    const world = await makeWorld();
    let stage = await HttpStage.open(world);
    let draws = requestDrawer(stage.facts);
    return {
      draw: (draw) => drawInput(draws(draw), draw),
      async attempt({ target, parts }) {
        if (stage.events > EVENTS_OF_ONE_FLEET) {
          await stage.close();
          stage = await HttpStage.open(world);
          draws = requestDrawer(stage.facts);
        }
        const before = stage.events;
        const filled = parts.map((part) => withToken(part, stage.fleet.admin));
        const word = target === "socket" ? await overSocket(stage, filled) : await inProcess(stage, filled);
        if (stage.failures.length > 0) throw stage.failures.shift();
        if (/^[45]/.test(word) && stage.events > before)
          throw new Unacceptable(`refused with ${word}, and yet in the log`);
        return word;
      },
      close: () => stage.close(),
    };
  },
};

function drawInput(request: WireRequest, draw: Draw): Input {
  const { method, target, headers, body } = request;
  if (draw(ON_THE_SOCKET) > 0)
    return { target: "in process", parts: [utf8(method), utf8(target), utf8(headers.join("\r\n")), body] };
  const length = draw(4) === 0 ? body.length + draw(9) - 4 : body.length;
  const lines = [`${method} ${target} HTTP/1.1`, "Host: 127.0.0.1", `Content-Length: ${length}`, ...headers];
  const whole = concatBytes(utf8(`${lines.join("\r\n")}\r\n\r\n`), body);
  return { target: "socket", parts: [draw(2) === 0 ? whole : mutateBytes(whole, [whole], draw)] };
}

function withToken(part: Uint8Array, token: string): Uint8Array {
  const text = Buffer.from(part).toString("latin1");
  return text.includes(TOKEN) ? Buffer.from(text.replaceAll(TOKEN, token), "latin1") : part;
}

/** A request that the platform itself refuses to make is not the API's to answer. */
async function inProcess({ app }: HttpStage, parts: readonly Uint8Array[]): Promise<string> {
  const [method = "", target = "", headers = ""] = parts
    .slice(0, 3)
    .map((part) => new TextDecoder().decode(part));
  const body = parts[3]?.length ? { body: new Uint8Array(parts[3]) } : {};
  let request: Request;
  try {
    request = new Request(`http://127.0.0.1${target}`, { method, headers: headerPairs(headers), ...body });
  } catch {
    return "no request";
  }
  const response = await app.fetch(request);
  const type = response.headers.get("content-type");
  if (response.status < 400) {
    await response.body?.cancel(); // a stream of events would go on
    return judgeAnswer(response.status, type, "");
  }
  return judgeAnswer(response.status, type, await response.text());
}

function headerPairs(block: string): [string, string][] {
  return block.split("\r\n").flatMap((line) => {
    const at = line.indexOf(":");
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1).trim()] as [string, string]] : [];
  });
}

async function overSocket(
  { fleet }: HttpStage,
  [bytes = new Uint8Array()]: readonly Uint8Array[],
): Promise<string> {
  const { port } = new URL(fleet.url);
  const answer = await rawExchange(await plainSocket(Number(port)), bytes, () => fleet.get("/v1/fleet"));
  if (answer.end === "hung up" && !/^\s*CONNECT /.test(Buffer.from(bytes).toString("latin1")))
    throw new Unacceptable("the server has closed the connection, and did not answer");
  if (!answer.status) return answer.end;
  // What the HTTP parser refuses never reaches the API, and has no body.
  if (answer.status >= 400 && answer.body === "") return `${answer.status} by the parser`;
  return judgeAnswer(answer.status, answer.type, answer.body);
}
