import { decodedBody, decodedHeader } from "../../mime/decoded-text.ts";
import { firstField } from "../../mime/header.ts";
import { parseMessageIds } from "../../mime/message-ids.ts";
import type { Part } from "../../mime/part.ts";
import { StructureParser } from "../../mime/structure-parser.ts";
import { htmlText } from "./html-text.ts";
import { COMMAND_TEXT_MAX } from "./limits.ts";

/** What is looked at of a letter to the bridge itself. */
export interface CommandLetter {
  /** Decoded; without the marks of replies and forwarded letters, which `answers` and `forwards` tell of. */
  readonly subject: string;
  readonly answers: boolean;
  readonly forwards: boolean;
  /** Of In-Reply-To, without brackets. */
  readonly inReplyTo: string | undefined;
  /** The first text, with its quotes. */
  readonly text: string;
  readonly isHtml: boolean;
  /** All texts, those of letters inside too, and HTML as it is. */
  readonly everything: string;
  readonly hasPicture: boolean;
  /** A program wrote it by itself, so that nothing may be done for it (RFC 3834 section 2). */
  readonly automatic: boolean;
}

const MARKS = /^\s*(?:(re|aw|sv|antw|odp|vs|r)|(fwd?|wg|tr|vb|pd|i|enc|rv))(?:\[\d+\])?\s*:\s*/i;

/** Never throws on the letter. */
export async function readCommandLetter(message: Uint8Array): Promise<CommandLetter> {
  const parser = new StructureParser();
  parser.push(message);
  const { root, header } = parser.end();
  const read = async function* (start: number, end: number): AsyncGenerator<Uint8Array> {
    yield message.subarray(start, end);
  };
  const texts: { readonly text: string; readonly raw: string }[] = [];
  let hasPicture = false;
  let length = 0;
  const walk = async (part: Part): Promise<void> => {
    for (const child of part.children ?? []) await walk(child);
    if (part.message !== undefined) return await walk(part.message);
    if (part.type === "image") hasPicture = true;
    if (part.type !== "text" || (part.children ?? []).length > 0) return;
    let raw = "";
    for await (const piece of decodedBody(part, read)) {
      raw += piece.slice(0, COMMAND_TEXT_MAX - length);
      length += piece.length;
      if (length > COMMAND_TEXT_MAX) break;
    }
    texts.push({ raw, text: part.subtype === "html" ? htmlText(raw) : raw });
  };
  await walk(root);

  let subject = (decodedHeader(header, "subject") ?? "").split("\n")[0]?.trim() ?? "";
  let [answers, forwards] = [false, false];
  for (let mark = MARKS.exec(subject); mark !== null; mark = MARKS.exec(subject)) {
    answers ||= mark[1] !== undefined;
    forwards ||= mark[2] !== undefined;
    subject = subject.slice(mark[0].length);
  }
  const automatic = (firstField(header, "auto-submitted") ?? "no").split(";")[0]?.trim().toLowerCase() !== "no";
  return {
    subject: subject.trim(),
    answers,
    forwards,
    inReplyTo: parseMessageIds(firstField(header, "in-reply-to") ?? "")[0],
    text: texts[0]?.text ?? "",
    isHtml: texts[0] !== undefined && texts[0].text !== texts[0].raw,
    everything: texts.flatMap(({ raw, text }) => (raw === text ? [text] : [text, raw])).join("\n"),
    hasPicture,
    automatic: automatic || (root.type === "multipart" && root.subtype === "report"),
  };
}
