import { baseSubject } from "./base-subject.ts";
import { isAscii } from "./charset.ts";
import { parseDateTime } from "./date.ts";
import { decodeEncodedWords } from "./encoded-word.ts";
import { type EnvelopeAddress, readEnvelope } from "./envelope-reader.ts";

/** What SORT and THREAD look at; texts are collated already, and compared as they are. */
export interface SortFields {
  /** The sent date (RFC 5256 section 2.2), milliseconds since 1970; undefined where INTERNALDATE stands for it. */
  readonly sent: number | undefined;
  /** The base subject (section 2.1). */
  readonly subject: string;
  readonly isReplyOrForward: boolean;
}

/** What SORT compares of the addresses, collated: the first mailbox of each field, and names as RFC 5957 shows them. */
export interface SortAddresses {
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  readonly displayFrom: string;
  readonly displayTo: string;
}

/** Characters of a text that are compared; texts that differ only beyond are taken as the same. */
const COMPARED = 500;

/** Reads an ENVELOPE in wire form. @throws Error if it is none */
export function readSortFields(envelope: string): SortFields & SortAddresses {
  const { date, subject, from, to, cc } = readEnvelope(envelope);
  const { base, isReplyOrForward } = baseSubject(decodeEncodedWords(subject ?? ""));
  return {
    sent: date === undefined ? undefined : parseDateTime(date)?.time,
    subject: collate(base),
    isReplyOrForward,
    from: mailboxOf(from),
    to: mailboxOf(to),
    cc: mailboxOf(cc),
    displayFrom: displayOf(from),
    displayTo: displayOf(to),
  };
}

/** In the manner of i;unicode-casemap (RFC 5051): neither case nor composition matters. */
function collate(text: string): string {
  const upper = text.slice(0, COMPARED).toUpperCase();
  return isAscii(upper) ? upper : upper.toWellFormed().normalize("NFKD");
}

function mailboxOf(address: EnvelopeAddress | undefined): string {
  return collate(readUtf8(address?.mailbox ?? ""));
}

function readUtf8(octets: string): string {
  return isAscii(octets) ? octets : Buffer.from(octets, "latin1").toString("utf8");
}

/** RFC 5957 section 3. */
function displayOf(address: EnvelopeAddress | undefined): string {
  if (address === undefined) return "";
  const name = collate(decodeEncodedWords(address.name ?? ""));
  if (name !== "") return name;
  const { mailbox, host } = address;
  if (mailbox === undefined) return "";
  return collate(readUtf8(host === undefined || host === "" ? mailbox : `${mailbox}@${host}`));
}
