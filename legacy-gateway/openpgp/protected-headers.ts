import { parseAddressList } from "../../mime/address-list.ts";
import { type HeaderField, headerFields } from "../../mime/header.ts";
import { type Entity, headerOf, isType, parameter } from "./entity.ts";

/** Fields that people read or answer by; those inside of a protected letter count (RFC 9788 section 1.1.1, "user-facing"). */
export const USER_FACING: ReadonlySet<string> = new Set([
  "subject",
  "from",
  "sender",
  "to",
  "cc",
  "date",
  "message-id",
  "in-reply-to",
  "references",
  "reply-to",
  "mail-followup-to",
  "mail-reply-to",
  "followup-to",
  "comments",
  "keywords",
  "organization",
  "resent-from",
  "resent-to",
  "resent-cc",
  "resent-date",
  "resent-sender",
  "resent-message-id",
]);

/** Fields of the structure of what they stand on (RFC 9788 section 1.1.1). */
export function isStructural(key: string): boolean {
  return key === "mime-version" || key.startsWith("content-");
}

export interface ProtectedHeaders {
  /** `hp` is RFC 9788: its fields stand for all of the letter. `v1` are the older protected headers: only what is there counts. */
  readonly scheme: "hp" | "v1";
  /** Without those of the structure and HP-Outer. */
  readonly fields: readonly HeaderField[];
}

/** The protected fields on a payload (RFC 9788 section 4.1, and draft-autocrypt-lamps-protected-headers-02). */
export function readProtectedHeaders(payload: Entity): ProtectedHeaders | undefined {
  const { root } = payload;
  const hp = ["clear", "cipher"].includes(parameter(root, "hp"));
  if (!hp && parameter(root, "protected-headers") !== "v1") return undefined;
  const fields = [...headerFields(headerOf(payload, root))].filter(
    ({ key }) => !isStructural(key) && key !== "hp-outer" && key !== "bcc" && !key.startsWith("autocrypt"),
  );
  return { scheme: hp ? "hp" : "v1", fields };
}

/** The sender that a payload names, in lower case. */
export function protectedFrom(payload: Entity): string | undefined {
  const fields = readProtectedHeaders(payload)?.fields.filter(({ key }) => key === "from") ?? [];
  return fields.length === 1 ? onlyAddress(fields[0]?.value ?? "") : undefined;
}

/** The address of the one mailbox in From, in lower case; undefined where there is none, or several. */
export function fromAddress(header: Uint8Array): string | undefined {
  const values = [...headerFields(header)].filter(({ key }) => key === "from").map(({ value }) => value);
  return values.length === 1 ? onlyAddress(values[0] ?? "") : undefined;
}

export function onlyAddress(value: string): string | undefined {
  const addresses = parseAddressList(value).flatMap((one) => (one.kind === "group" ? one.members : [one]));
  const [only, ...more] = addresses;
  if (only === undefined || more.length > 0 || only.local === "" || only.domain === "") return undefined;
  return `${only.local}@${only.domain}`.toLowerCase();
}

/** Whether the part repeats the hidden fields for programs that do not know them (the older scheme). */
export function isLegacyDisplayPart(payload: Entity): boolean {
  const first = payload.root.children?.[0];
  if (first === undefined || !isType(payload.root, "multipart/mixed")) return false;
  const shows = isType(first, "text/rfc822-headers") || isType(first, "text/plain");
  return shows && parameter(first, "protected-headers") === "v1";
}
