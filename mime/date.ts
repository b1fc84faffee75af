export interface DateTime {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Minutes east of UTC; -0 where the zone is unknown (`-0000`). */
  readonly zone: number;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** obs-zone of RFC 5322 section 4.3, in hours. */
const ZONES: Readonly<Record<string, number>> = {
  ut: 0,
  utc: 0,
  gmt: 0,
  z: 0,
  edt: -4,
  est: -5,
  cdt: -5,
  cst: -6,
  mdt: -6,
  mst: -7,
  pdt: -7,
  pst: -8,
};

/** `[day ","] 2DIGIT month year hour ":" minute [":" second] zone`, blanks between any two. */
const DATE =
  /^(?:[A-Za-z]{3,9}\s*,?\s*)?(\d{1,2})[\s-]+([A-Za-z]{3,9})[\s-]+(\d{2,4})[\s,]+(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:\.\d+)?)?\s*([+-]\s?\d{4}|[A-Za-z]{1,5})?/;

/** ctime(3) order, as old programs write it. */
const CTIME =
  /^(?:[A-Za-z]{3,9}\s*,?\s*)?([A-Za-z]{3,9})\s+(\d{1,2})\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?\s+(?:([A-Za-z]{1,5})\s+)?(\d{4})/;

const MAX_LENGTH = 256;

/** Reads date-time of RFC 5322 sections 3.3 and 4.3, leniently; undefined where no date can be told. */
export function parseDateTime(value: string): DateTime | undefined {
  const text = value
    .slice(0, MAX_LENGTH)
    .replace(/\([^()]*\)/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  const match = DATE.exec(text);
  if (match !== null) {
    const [, day, month, year, hour, minute, second, zone] = match;
    return dateTime(year, month, day, hour, minute, second, zone);
  }
  const ctime = CTIME.exec(text);
  if (ctime === null) return undefined;
  const [, month, day, hour, minute, second, zone, year] = ctime;
  return dateTime(year, month, day, hour, minute, second, zone);
}

type Digits = string | undefined;

function dateTime(
  year: Digits,
  month: Digits,
  day: Digits,
  hour: Digits,
  minute: Digits,
  second: Digits,
  zone: Digits,
): DateTime | undefined {
  const monthIndex = MONTHS.indexOf((month ?? "").slice(0, 3).toLowerCase());
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second ?? 0)];
  if (monthIndex < 0 || d < 1 || d > 31 || h > 23 || m > 59 || s > 60) return undefined;
  const offset = zoneMinutes(zone);
  const date = new Date(0);
  date.setUTCFullYear(fullYear(year ?? ""), monthIndex, d);
  date.setUTCHours(h, m, s);
  return { time: date.getTime() - offset * 60_000, zone: offset };
}

/** Two digits: 00-49 are 2000 and later; three: since 1900 (RFC 5322 section 4.3). */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return digits.length === 3 ? 1900 + year : year;
}

function zoneMinutes(zone: string | undefined): number {
  const match = /^([+-])\s?(\d{2})(\d{2})$/.exec(zone ?? "");
  if (match !== null) {
    const minutes = Number(match[2]) * 60 + Number(match[3]);
    if (minutes > 99 * 60) return -0;
    return match[1] === "-" ? -minutes : minutes;
  }
  const hours = ZONES[(zone ?? "").toLowerCase()];
  return hours === undefined ? -0 : hours * 60;
}

/** date-time of RFC 5322 section 3.3 in UTC, for instance `Mon, 23 Nov 2026 14:36:11 +0000`. */
export function formatDateTime(time: number): string {
  const date = new Date(time);
  const month = MONTHS[date.getUTCMonth()] ?? "";
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${DAYS[date.getUTCDay()]}, ${two(date.getUTCDate())} ${month.charAt(0).toUpperCase()}${month.slice(1)}`;
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${day} ${String(date.getUTCFullYear()).padStart(4, "0")} ${clock} +0000`;
}
