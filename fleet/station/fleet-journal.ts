/** The journal of a station that runs inside the fleet service: a birth is written as its own import. */
import { FleetError } from "../errors.js";
import { fromBase64Url, toBase64Url } from "../events.js";
import { openBirth } from "../edge.js";
import { publicKeyOf } from "../sealing.js";
import type { FleetService } from "../service.js";
import type { StationJournal } from "./station.js";

/** First number of the block that this station gives out. */
const FIRST_NUMBER = 1;
/** Numbers that may have been given in a time that the log has lost: nobody gets one of them again. */
const LEFT_OUT = 10_000;

export function fleetJournal(service: FleetService): StationJournal {
  return {
    find(hardwareId) {
      const numbers = service.view.numberByHardware.get(toBase64Url(hardwareId)) ?? [];
      const births = numbers.flatMap((number) => service.view.devices.get(number)?.birth ?? []);
      const born = births.find(({ origin }) => !origin); // one that another owner gave has papers of another kind
      if (!born) return undefined;
      return {
        number: born.number,
        publicKey: publicKeyOf(born.key),
        idevid: fromBase64Url(born.idevid),
        voucher: fromBase64Url(born.voucher),
        record: fromBase64Url(born.record),
      };
    },
    next() {
      const { births: index, lastBirth, era } = service.view;
      const place = { number: FIRST_NUMBER + index + era * LEFT_OUT, index };
      return lastBirth ? { ...place, previous: fromBase64Url(lastBirth.record) } : place;
    },
    async append(_birth, papers, station) {
      const { crypto } = service.options;
      const given = { ...papers, idevid: [papers.idevid, station] };
      const birth = openBirth(given, { trust: service.trust, crypto, now: service.now() });
      const { refusal } = await service.request({ type: "import", birth, isNext: true }, "station");
      if (refusal) throw new FleetError("conflict", refusal.text);
    },
  };
}
