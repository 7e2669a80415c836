/** The rules of who may do what, row by row; then what must hold for every combination. */
import { expect, test } from "vitest";
import {
  admit,
  frameAllowed,
  MAX_TOPIC_BYTES,
  mayPublish,
  maySubscribe,
  messageAllowed,
  type Admission,
  type Occupant,
  type Shown,
} from "../../broker/admission.js";
import type { Standing } from "../../fleet/link.js";
import { AuthorityRequest } from "../../protocol/authority-links.js";
import { EnrollRequest, ReenrollRequest, RenewRequest, ReturnRequest } from "../../protocol/certify.js";
import { LedgerRequest } from "../../protocol/ledger-part.js";
import { isQuarantined, LEVELS, type Level } from "../../protocol/level.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { ROLE_REASONS, SESSION_ROLES, type RoleReason, type SessionRole } from "../../protocol/notice.js";
import { Receipt, SyncRequest } from "../../protocol/sync.js";
import { TimeRequest } from "../../protocol/time.js";
import { topicsOf } from "../../protocol/topics.js";

type Verdict = Exclude<Shown, string>;
const keysOf = <T extends string>(table: Readonly<Record<T, unknown>>) => Object.keys(table) as T[];

const PROFILES = ["idevid", "ldevid", "gateway", "service", "station"] as const;
const WINDOWS = ["current", "expired", "future"] as const;

function certificate(
  profile: Verdict["profile"],
  window: Verdict["window"] = "current",
  generation = profile === "ldevid" ? 2 : 0,
): Verdict {
  return { profile, window, generation, number: 7 };
}
function standing(level: Level = "none", lowestGeneration = 1, enrolled = true): Standing {
  return { level, lowestGeneration, enrolled, suspected: false };
}
const suspected = (level: Level = "none", lowestGeneration = 1): Standing => ({
  ...standing(level, lowestGeneration),
  suspected: true,
});

const rows: [
  name: string,
  shown: Shown,
  standing: Standing | undefined,
  want: `${SessionRole} ${RoleReason}`,
][] = [
  ["no certificate", "none", undefined, "lobby no-certificate"],
  ["one that does not verify", "bad", undefined, "lobby bad-certificate"],
  ["a future LDevID", certificate("ldevid", "future"), standing(), "lobby future"],
  ["a future LDevID of a held device", certificate("ldevid", "future"), standing("isolate"), "lobby future"],
  ["a future service", certificate("service", "future"), undefined, "lobby future"],
  ["a service", certificate("service"), undefined, "service ok"],
  ["an expired service", certificate("service", "expired"), undefined, "lobby expired"],
  ["a gateway", certificate("gateway"), undefined, "lobby bad-certificate"],
  ["a station", certificate("station"), undefined, "lobby bad-certificate"],
  ["a station with a device's number", certificate("station"), standing(), "lobby bad-certificate"],
  ["an unknown IDevID", certificate("idevid"), undefined, "pledge not-enrolled"],
  ["an unknown LDevID", certificate("ldevid"), undefined, "lobby bad-certificate"],
  ["a revoked IDevID", certificate("idevid"), standing("revoked"), "held revoked"],
  ["a revoked LDevID", certificate("ldevid"), standing("revoked"), "held revoked"],
  ["a revoked, expired LDevID", certificate("ldevid", "expired"), standing("revoked"), "held revoked"],
  ["a revoked LDevID of an old generation", certificate("ldevid"), standing("revoked", 3), "held revoked"],
  ["an LDevID of an old generation", certificate("ldevid"), standing("none", 3), "lobby old-generation"],
  ["a held one of an old generation", certificate("ldevid"), standing("isolate", 3), "lobby old-generation"],
  ["an IDevID, whose generation does not age", certificate("idevid"), standing("none", 3), "pledge expired"],
  ["a restricted LDevID", certificate("ldevid"), standing("restrict"), "held quarantined"],
  ["an isolated LDevID", certificate("ldevid"), standing("isolate"), "held quarantined"],
  ["a held, expired LDevID", certificate("ldevid", "expired"), standing("restrict"), "held quarantined"],
  ["a held IDevID", certificate("idevid"), standing("restrict"), "held quarantined"],
  ["an IDevID before enrollment", certificate("idevid"), standing("none", 1, false), "pledge not-enrolled"],
  ["an IDevID after enrollment", certificate("idevid"), standing(), "pledge expired"],
  ["an expired LDevID", certificate("ldevid", "expired"), standing(), "pledge expired"],
  ["a suspected LDevID", certificate("ldevid"), suspected(), "held suspected"],
  ["a suspected, expired LDevID", certificate("ldevid", "expired"), suspected(), "held suspected"],
  ["a suspected IDevID", certificate("idevid"), suspected(), "held suspected"],
  ["a suspected and restricted LDevID", certificate("ldevid"), suspected("restrict"), "held quarantined"],
  ["a suspected and revoked LDevID", certificate("ldevid"), suspected("revoked"), "held revoked"],
  [
    "a suspected one of an old generation",
    certificate("ldevid"),
    suspected("none", 3),
    "lobby old-generation",
  ],
  ["a suspected future LDevID", certificate("ldevid", "future"), suspected(), "lobby future"],
  ["an observed LDevID", certificate("ldevid"), standing("observe"), "device ok"],
  ["an LDevID", certificate("ldevid"), standing(), "device ok"],
  ["an LDevID of just the lowest generation", certificate("ldevid"), standing("none", 2), "device ok"],
];
test.each(rows)("admit: %s", (_name, shown, known, want) => {
  const { role, reason, number } = admit(shown, known);
  expect(`${role} ${reason}`).toBe(want);
  expect(number).toBe(role === "lobby" ? undefined : 7);
});

const everyCase = PROFILES.flatMap((profile) =>
  WINDOWS.flatMap((window) =>
    keysOf(LEVELS).flatMap((level) =>
      [1, 2, 3].flatMap((lowest) =>
        [standing(level, lowest), standing(level, lowest, false), suspected(level, lowest)].map((known) => ({
          shown: certificate(profile, window),
          known,
        })),
      ),
    ),
  ),
);

const isHeld = ({ level, suspected }: Standing) => suspected || isQuarantined(level);

test("admit: only a current LDevID of a live generation, below restrict and not suspected, works as a device", () => {
  for (const { shown, known } of everyCase) {
    const works =
      shown.profile === "ldevid" &&
      shown.window === "current" &&
      shown.generation >= known.lowestGeneration &&
      !isHeld(known);
    expect(admit(shown, known).role === "device", JSON.stringify({ shown, known })).toBe(works);
  }
});

test("admit: a device that is held can enroll, renew or return as little as it can work", () => {
  for (const { shown, known } of everyCase.filter(({ known }) => isHeld(known))) {
    const admission = admit(shown, known);
    for (const { type } of [EnrollRequest, RenewRequest, ReturnRequest]) {
      expect(messageAllowed(admission, type), JSON.stringify({ shown, known })).toBe(false);
    }
  }
});

const allowedMessages: Record<SessionRole, readonly { readonly type: number }[]> = {
  lobby: [],
  pledge: [EnrollRequest, ReturnRequest, ReenrollRequest],
  held: [SyncRequest, Receipt, ReenrollRequest],
  device: [SyncRequest, Receipt, RenewRequest, ReenrollRequest],
  service: [],
};
test.each(keysOf(SESSION_ROLES))("messages of the role %s", (role) => {
  const allowed = SIGNED_MESSAGES.filter(({ type }) => messageAllowed({ role, reason: "ok" }, type));
  const names = (messages: readonly { readonly type: number }[]) => new Set(messages.map(({ type }) => type));
  expect(names(allowed)).toEqual(names(allowedMessages[role]));
});

test.each<[SessionRole, readonly { readonly type: number }[]]>([
  ["lobby", [TimeRequest, AuthorityRequest]],
  ["pledge", [AuthorityRequest]],
  ["held", [AuthorityRequest, LedgerRequest]],
  ["device", [AuthorityRequest, LedgerRequest]],
  ["service", []],
])("frames of the role %s", (role, allowed) => {
  const asked = (reason: Admission["reason"]) =>
    PLAIN_MESSAGES.filter(({ type }) => frameAllowed({ role, reason }, type));
  expect(new Set(asked("ok"))).toEqual(new Set(allowed));
  expect(asked("revoked")).toEqual([]);
});

test("a revoked device is told so when it syncs, and nothing else is heard from it", () => {
  const revoked: Admission = { role: "held", reason: "revoked", number: 7 };
  expect(SIGNED_MESSAGES.filter(({ type }) => messageAllowed(revoked, type))).toEqual([SyncRequest]);
});

const topics = topicsOf("00112233445566778899aabbccddeeff");
const [UP, DOWN, ALL] = [topics.up(7), topics.down(7), topics.all];
const [LOBBY_UP, LOBBY_DOWN] = [topics.lobbyUp("camera"), topics.lobbyDown("camera")];
const LONGEST = `app/7/${"x".repeat(MAX_TOPIC_BYTES - 6)}`;

function occupant(role: SessionRole, reason: RoleReason = "ok"): Occupant {
  return role === "lobby" ? { role, reason, clientId: "camera" } : { role, reason, number: 7, clientId: "7" };
}

/** Every topic that anyone may publish on; nobody may use another. */
const publishable: Record<SessionRole, readonly string[]> = {
  lobby: [LOBBY_UP],
  pledge: [UP],
  held: [UP],
  device: [UP, "app/7/t", "app/7/a/b/c", "app/7/ü", LONGEST],
  service: [],
};
const ownApp = ["app/7/t", "app/7/a/b/c", "app/7/ü", "app/7/#", "app/7/+", "app/7/+/x", "app/7/a/#", LONGEST];
const anyApp = ["app/#", "app/+", "app/+/t", "app/7", "app/77/t", "app/07/t", "app/8/t", "app/8/#"];
const subscribable: Record<SessionRole, readonly string[]> = {
  lobby: [LOBBY_DOWN],
  pledge: [DOWN],
  held: [DOWN, ALL],
  device: [DOWN, ALL].concat(ownApp),
  service: [ALL].concat(ownApp, anyApp),
};
const others = [topics.up(8), topics.down(8), topics.up(77), topics.lobbyUp("7"), topics.lobbyDown("x")];
const noTopics = ["", "/", "#", "+", "app", "app/", "app/7/", "app//t", "/app/7/t", "app/7/t/", "app/7//t"];
const badWildcards = ["+/7/t", "app/+7/t", "app/7+/t", "app/7/#/t", "app/7/a#", "app/7/+a", "app/7/a+/b"];
const reserved = [
  "$SYS/#",
  "$SYS/x",
  "$share/g/app/7/t",
  "$share/g/app/#",
  "$app/7/t",
  "appx/7/t",
  "APP/7/t",
];
const unsafe = ["app/7/a\u0000b", "app/7/a\nb", `${LONGEST}x`, `app/7/${"ü".repeat(126)}`];
const around = [
  "dm/#",
  "dm/1/#",
  `${ALL}/x`,
  `${UP}/x`,
  `${DOWN}/#`,
  DOWN.replace("/7/", "/+/"),
  ALL.replace("/all", "/+"),
];
const somebodys = Object.values(publishable).concat(Object.values(subscribable)).flat();
const tried = somebodys.concat(others, noTopics, badWildcards, reserved, unsafe, around);

test.each(keysOf(SESSION_ROLES))("topics of the role %s: these and no others, for any reason", (role) => {
  for (const reason of keysOf(ROLE_REASONS)) {
    const published = tried.filter((topic) => mayPublish(topics, occupant(role, reason), topic));
    const subscribed = tried.filter((topic) => maySubscribe(topics, occupant(role, reason), topic));
    expect(published).toEqual(tried.filter((topic) => publishable[role].includes(topic)));
    expect(subscribed).toEqual(tried.filter((topic) => subscribable[role].includes(topic)));
  }
});
