import { setImmediate } from "node:timers/promises";
import { Failure } from "../foundation/failure.ts";
import { decodedBody, decodedHeader } from "../mime/decoded-text.ts";
import { WORK_SLICE } from "./limits.ts";
import type { SearchPlace } from "./message.ts";
import type { MaildirMailbox } from "./store.ts";

/** Texts are compared in this form: canonical composition, without case. */
function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Looks for a folded needle in a text that comes in pieces; what could be the needle's beginning is kept between them. */
async function contains(pieces: AsyncIterable<string>, needle: string, turn: () => Promise<void>): Promise<boolean> {
  let kept = "";
  for await (const piece of pieces) {
    const text = kept + fold(piece);
    if (text.includes(needle)) return true;
    kept = needle.length > 1 ? text.slice(1 - needle.length) : "";
    await turn();
  }
  return false;
}

type Searched = Pick<MaildirMailbox, "header" | "structure" | "read">;

/**
 * Those of the UIDs whose text holds the needle. Works in slices of a few milliseconds, so that others are served
 * meanwhile; a damaged message does not match. @throws the signal's reason
 */
export async function searchText(
  mailbox: Searched,
  where: SearchPlace,
  needle: string,
  uids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<number>> {
  const wanted = fold(needle);
  const found = new Set<number>();
  let sliceEnd = performance.now() + WORK_SLICE;
  const turn = async (): Promise<void> => {
    if (performance.now() < sliceEnd) return;
    await setImmediate();
    signal?.throwIfAborted();
    sliceEnd = performance.now() + WORK_SLICE;
  };
  const inHeader = (uid: number, name?: string): boolean => {
    const header = mailbox.header(uid);
    const text = header === undefined ? undefined : decodedHeader(header, name);
    return text !== undefined && fold(text).includes(wanted);
  };
  const inBody = async (uid: number): Promise<boolean> => {
    const structure = mailbox.structure(uid);
    if (structure === undefined) return false;
    if (wanted === "") return true;
    try {
      return await contains(
        decodedBody(structure, (start, end) => mailbox.read(uid, start, end)),
        wanted,
        turn,
      );
    } catch (error) {
      if (error instanceof Failure && (error.code === "damaged" || error.code === "nonexistent")) return false;
      throw error;
    }
  };
  signal?.throwIfAborted();
  for (const uid of uids) {
    await turn();
    if (typeof where === "object" ? inHeader(uid, where.header) : where === "text" && inHeader(uid)) found.add(uid);
    else if (typeof where === "string" && (await inBody(uid))) found.add(uid);
  }
  return found;
}
