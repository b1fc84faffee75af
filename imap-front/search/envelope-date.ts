import { monthNumber } from "../wire/format.ts";

/**
 * The day that the Date field names, as an ENVELOPE in wire form begins with it, without regard to time and zone;
 * milliseconds since 1970, undefined where there is no date. Takes what RFC 5322 section 4.3 calls obsolete.
 */
export function parseEnvelopeDate(envelope: string): number | undefined {
  const match = /^\("[^"\d]*(\d{1,2})[ \t-]+([A-Za-z]{3})[a-z]*[ \t-]+(\d{2,4})\b/.exec(envelope);
  if (match === null) return undefined;
  const month = monthNumber(String(match[2]));
  if (month < 0) return undefined;
  let year = Number(match[3]);
  if (year < 50) year += 2000;
  else if (year < 1000) year += 1900;
  return Date.UTC(year, month, Number(match[1]));
}
