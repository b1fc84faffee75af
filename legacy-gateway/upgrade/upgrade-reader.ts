import { OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { parseAddressList } from "../../mime/address-list.ts";
import { headerFields } from "../../mime/header.ts";
import { messageId } from "../../mime/message-ids.ts";
import { type SplitMessage, splitMessage } from "../../mime/split-message.ts";
import { readSplitLetter } from "../incoming/incoming-letter.ts";
import { type Entity, headerOf } from "../openpgp/entity.ts";
import type { ReadLetter as OpenedLetter } from "../openpgp/read-letter.ts";
import type { ReadLetter, ReceivedLetter, SpecialUse } from "../ports.ts";
import { invitationIn } from "./invitation-field.ts";
import type { Came } from "./offers.ts";

/** Stands beside `$Legacy` where the sender is a contact who writes over the overlay. */
export const OLD_ROAD_KEYWORD = "$OldRoad";

/** An invitation as a letter brought it. */
export interface SeenInvitation {
  /** The one address in From, in lower case. */
  readonly address: string;
  readonly link: string;
  readonly came: Came;
}

export interface UpgradeReaderOptions {
  /** How far the contact is known whose old address this is; undefined for all other addresses. */
  readonly movedTo: (address: string) => string | undefined;
  /** Whether the overlay has brought that sender's letter already; `payload` is what came, its encryption off. */
  readonly isHere?: (address: string, messageId: string, payload: Entity) => Promise<boolean>;
  /** What it writes down is durable when it resolves; the same invitation may come again. */
  readonly seen: (invitation: SeenInvitation) => Promise<void>;
}

/** What lies there was not written to the user by somebody who knows them, or not yet, or was put away. */
const PASSED_OVER: ReadonlySet<SpecialUse> = new Set(["\\Sent", "\\Drafts", "\\Trash", "\\Junk"]);

/**
 * What is done with every letter of the old road once its encryption is off: it is marked as such, more so where its
 * sender has moved to the overlay, and an invitation in it goes to whoever shows it to the user.
 */
export function createUpgradeReader({ movedTo, isHere, seen }: UpgradeReaderOptions) {
  return async ({ account, folder, content }: ReceivedLetter, opened: OpenedLetter): Promise<ReadLetter> => {
    const split = await splitMessage(content);
    const found = folder !== undefined && PASSED_OVER.has(folder) ? undefined : invitationOf(opened, split);
    if (found !== undefined && !isForMany(split.header)) await seen(found);
    const letter = readSplitLetter(account, split);
    const moved = senders(split.header)
      .map((address) => ({ address, state: movedTo(address) }))
      .find(({ state }) => state !== undefined);
    if (moved === undefined) return letter;
    const id = messageId(split.header);
    const payload = opened.looked?.opened.payload;
    if (id !== undefined && payload !== undefined && (await isHere?.(moved.address, id, payload)) === true)
      return { ...letter, isHere: true };
    return {
      keywords: [...letter.keywords, OLD_ROAD_KEYWORD],
      content: behind(formatOldRoad(moved.address, moved.state ?? ""), letter.content),
    };
  };
}

/** The one inside of the encryption, if it was opened; else the one that everybody on the way could read and write. */
function invitationOf({ looked, verdict }: OpenedLetter, { header }: SplitMessage): SeenInvitation | undefined {
  const address = verdict.from;
  if (address === undefined) return undefined;
  if (looked?.opened.encryption === "opened") {
    const { payload } = looked.opened;
    const inside = invitationIn(headerOf(payload, payload.root));
    const came = verdict.signature.result === "good" ? "signed" : "encrypted";
    if (inside !== undefined) return { address, link: inside, came };
  }
  const link = invitationIn(header);
  return link === undefined ? undefined : { address, link, came: "clear" };
}

/** Of a list, or of a program: an invitation in there was made for somebody else, or for everybody (RFC 2919, 2369, 3834). */
function isForMany(header: Uint8Array): boolean {
  for (const { key, value } of headerFields(header)) {
    if (key.startsWith("list-")) return true;
    if (key === "precedence" && /^(?:list|bulk|junk)$/i.test(value)) return true;
    if (key === "auto-submitted" && !/^no\b/i.test(value)) return true;
  }
  return false;
}

/** In lower case. */
function senders(header: Uint8Array): string[] {
  const addresses: string[] = [];
  for (const { key, value } of headerFields(header)) {
    if (key !== "from") continue;
    for (const one of parseAddressList(value))
      for (const { local, domain } of one.kind === "group" ? one.members : [one])
        addresses.push(`${local}@${domain}`.toLowerCase());
  }
  return addresses;
}

/** RFC 8601, for a method of our own: the letter may be genuine, and did not come the way that its sender's letters come. */
function formatOldRoad(address: string, state: string): string {
  const from = /^[a-z0-9._+-]+@[a-z0-9.-]+$/.test(address) ? ` header.from=${address}` : "";
  return (
    `Authentication-Results: ${OVERLAY_DOMAIN};\r\n` +
    ` x-old-road=policy (this contact writes over the overlay, and this came by e-mail)\r\n${from === "" ? "" : `${from}\r\n`} policy.contact=${state}\r\n`
  );
}

async function* behind(field: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(field, "latin1");
  yield* content;
}
