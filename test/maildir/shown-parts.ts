import type { Value } from "../imap-front/model/responses.ts";

/** What a BODYSTRUCTURE says of one part that BODY[number] gives. */
export interface ShownPart {
  /** `1.2`. */
  readonly number: string;
  readonly type: string;
  readonly subtype: string;
  /** Undefined for a multipart. */
  readonly encoding: string | undefined;
  readonly octets: number | undefined;
  readonly lines: number | undefined;
  /** It holds a message with an envelope. */
  readonly isMessage: boolean;
}

type List = readonly Value[];

/** Every part by its number (RFC 9051 section 6.4.5.1), the containers too. @throws Error where the value is none */
export function shownParts(structure: Value): ShownPart[] {
  return [...partsOfMessage(structure as List, "")];
}

/** Of a message: its parts are numbered in it, and its only part is 1. */
function* partsOfMessage(body: List, prefix: string): Generator<ShownPart> {
  if (isMultipart(body)) yield* children(body, prefix);
  else yield* part(body, `${prefix}1`);
}

function* part(body: List, number: string): Generator<ShownPart> {
  if (isMultipart(body)) {
    const subtype = body.find((value) => typeof value === "string");
    yield {
      number,
      type: "multipart",
      subtype: String(subtype),
      encoding: undefined,
      octets: undefined,
      lines: undefined,
      isMessage: false,
    };
    yield* children(body, `${number}.`);
    return;
  }
  const [type, subtype, parameters, id, description, encoding, octets] = body;
  for (const text of [type, subtype, encoding, octets])
    if (typeof text !== "string") throw new Error(`not a text: ${String(text)}`);
  for (const text of [id, description]) if (typeof text === "object") throw new Error("not an nstring");
  checkParameters(parameters);
  const isMessage = type === "message" && (subtype === "rfc822" || subtype === "global");
  const lines = isMessage ? body[9] : type === "text" ? body[7] : undefined;
  yield {
    number,
    type: String(type),
    subtype: String(subtype),
    encoding: String(encoding),
    octets: numberOf(octets),
    lines: lines === undefined ? undefined : numberOf(lines),
    isMessage,
  };
  if (!isMessage) return;
  checkEnvelope(body[7]);
  yield* partsOfMessage(body[8] as List, `${number}.`);
}

function* children(body: List, prefix: string): Generator<ShownPart> {
  let count = 0;
  for (const child of body) {
    if (typeof child !== "object") return;
    count++;
    yield* part(child, `${prefix}${count}`);
  }
}

const isMultipart = (body: List) => typeof body[0] === "object";

function numberOf(value: Value): number {
  if (typeof value !== "string" || !/^\d+$/.test(value)) throw new Error(`not a number: ${String(value)}`);
  return Number(value);
}

function checkParameters(value: Value): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value.length % 2 !== 0 || value.some((text) => typeof text !== "string"))
    throw new Error("not parameters");
}

/** `(date subject from sender reply-to to cc bcc in-reply-to message-id)`, of texts and lists of addresses. */
export function checkEnvelope(value: Value): void {
  const envelope = value as List;
  if (envelope.length !== 10) throw new Error(`an envelope of ${envelope.length}`);
  for (const index of [0, 1, 8, 9]) if (typeof envelope[index] === "object") throw new Error("not an nstring");
  for (const addresses of envelope.slice(2, 8)) {
    if (addresses === undefined) continue;
    if (typeof addresses !== "object" || addresses.length === 0) throw new Error("an empty list of addresses");
    for (const address of addresses)
      if (typeof address !== "object" || address.length !== 4 || address.some((text) => typeof text === "object"))
        throw new Error("not an address");
  }
}
