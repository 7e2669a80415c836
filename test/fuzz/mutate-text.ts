/** Text changed by someone who knows what text does to programs: controls, long runs, characters of many bytes. */
import { type Draw, pick } from "./draw.js";

const MOST_CHANGES = 3;
/** What programs trip over. No NUL: it goes in as a byte where bytes go in. */
const SPLINTERS = [
  ...`/ # + $ % & ? = : . - _ " ' \\ { } [ ] < > 0`.split(" "),
  " ",
  "\u0001",
  "\t",
  "\r\n",
  "\u007f",
  "\u0085",
  "ü",
  "水",
  "\u{1f9ed}",
  "\ufeff",
  "\ufffd",
  "\u202e",
  "\ud800", // half a surrogate pair
  "%2e%2e",
  "%00",
  "%zz",
  "__proto__",
  "constructor",
  "undefined",
  "-1",
  "1e309",
  "9007199254740993",
  "4294967296",
  "NaN",
];
const LONG = [40, 129, 257, 1025, 5000];

/** @param others - what parts are taken from; must not be empty. */
export function mutateText(text: string, others: readonly string[], draw: Draw): string {
  let changed = text;
  for (let count = 1 + draw(MOST_CHANGES); count > 0; count--) changed = changeOnce(changed, others, draw);
  return changed;
}

function changeOnce(text: string, others: readonly string[], draw: Draw): string {
  const at = draw(text.length + 1);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  switch (draw(8)) {
    case 0:
      return before + after.slice(1 + draw(4));
    case 1:
    case 2:
      return before + pick(draw, SPLINTERS) + after;
    case 3:
      return before + pick(draw, SPLINTERS) + after.slice(1);
    case 4:
      return before + after.slice(0, 1).repeat(1 + draw(3)) + after;
    case 5:
      return before + pick(draw, others);
    case 6: // seldom long: it costs much and shows little more
      return draw(8) === 0
        ? before + pick(draw, ["a", "/", "9", "水"]).repeat(pick(draw, LONG)) + after
        : after;
    default:
      return before;
  }
}
