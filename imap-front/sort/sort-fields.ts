import { baseSubject } from "../../mime/base-subject.ts";
import { parseDateTime } from "../../mime/date.ts";
import { decodeEncodedWords } from "../../mime/encoded-word.ts";
import { type EnvelopeAddress, readEnvelope } from "./envelope-reader.ts";

/** What messages are compared by; texts are collated already, and compared as they are. */
export interface SortFields {
  /** The sent date (RFC 5256 section 2.2), milliseconds since 1970; undefined where INTERNALDATE stands for it. */
  readonly sent: number | undefined;
  readonly subject: string;
  readonly isReplyOrForward: boolean;
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  readonly displayFrom: string;
  readonly displayTo: string;
}

const NOTHING: SortFields = {
  sent: undefined,
  subject: "",
  isReplyOrForward: false,
  from: "",
  to: "",
  cc: "",
  displayFrom: "",
  displayTo: "",
};

/** Characters of a text that are compared; texts that differ only beyond are taken as the same. */
const COMPARED = 500;

/** Gives back a text that is equal, always the same one: subjects and names come again and again. */
export type Intern = (text: string) => string;

/** Reads an ENVELOPE; there is none where the message is gone. */
export function readSortFields(wire: string | undefined, intern: Intern): SortFields {
  if (wire === undefined) return NOTHING;
  const { date, subject, from, to, cc } = readEnvelope(wire);
  const { base, isReplyOrForward } = baseSubject(decodeEncodedWords(subject ?? ""));
  return {
    sent: date === undefined ? undefined : parseDateTime(date)?.time,
    subject: intern(collate(base)),
    isReplyOrForward,
    from: intern(mailboxOf(from)),
    to: intern(mailboxOf(to)),
    cc: intern(mailboxOf(cc)),
    displayFrom: intern(displayOf(from)),
    displayTo: intern(displayOf(to)),
  };
}

/** In the manner of i;unicode-casemap (RFC 5051): neither case nor composition matters. */
function collate(text: string): string {
  const compared = text.slice(0, COMPARED);
  // oxlint-disable-next-line no-control-regex
  const upper = compared.toUpperCase();
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(upper) ? upper : upper.normalize("NFKD");
}

function mailboxOf(address: EnvelopeAddress | undefined): string {
  return collate(Buffer.from(address?.mailbox ?? "", "latin1").toString("utf8"));
}

/** RFC 5957 section 3. */
function displayOf(address: EnvelopeAddress | undefined): string {
  if (address === undefined) return "";
  const name = collate(decodeEncodedWords(address.name ?? ""));
  if (name !== "") return name;
  const { mailbox, host } = address;
  if (mailbox === undefined) return "";
  return collate(Buffer.from(host === undefined || host === "" ? mailbox : `${mailbox}@${host}`, "latin1").toString());
}
