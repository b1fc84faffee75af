import { parseDateTime } from "../../mime/date.ts";
import { firstField } from "../../mime/header.ts";

/** When a message came, as its own header tells: the newest Received, else Date; milliseconds since 1970. */
export function arrivalDate(header: Uint8Array): number | undefined {
  const received = firstField(header, "received");
  const stamp = received?.slice(received.lastIndexOf(";") + 1);
  return dateOf(stamp) ?? dateOf(firstField(header, "date"));
}

function dateOf(text: string | undefined): number | undefined {
  const time = text === undefined ? undefined : parseDateTime(text)?.time;
  return time === undefined || !Number.isFinite(time) || time < 0 ? undefined : time;
}
