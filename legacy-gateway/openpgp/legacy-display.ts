import { keepField } from "../../mime/field-text.ts";
import { headerFields } from "../../mime/header.ts";
import type { Part } from "../../mime/part.ts";
import { decodedBodyOf, type Entity, headerOf, isType, leaves, parameter, parseEntity } from "./entity.ts";
import { isLegacyDisplayPart } from "./protected-headers.ts";

/**
 * The payload without what repeats its hidden fields in the text (RFC 9788 section 4.5.3.3 and 4.5.3.4, and the first
 * part of the older scheme): who sees the fields themselves would read them twice.
 */
export async function withoutLegacyDisplay(payload: Entity): Promise<Entity> {
  if (isLegacyDisplayPart(payload)) return withoutFirstPart(payload);
  const pieces: Buffer[] = [];
  let done = 0;
  for (const part of leaves(payload.root)) {
    if (parameter(part, "hp-legacy-display") !== "1") continue;
    if (part.disposition?.kind === "attachment") continue;
    if (!isType(part, "text/plain") && !isType(part, "text/html")) continue;
    const shown = stripped((await decodedBodyOf(payload, part)).toString("latin1"), part);
    if (shown === undefined) continue;
    pieces.push(payload.octets.subarray(done, part.headerStart), asBase64(headerOf(payload, part), shown));
    done = part.bodyEnd;
  }
  if (pieces.length === 0) return payload;
  return parseEntity(Buffer.concat([...pieces, payload.octets.subarray(done)]));
}

function stripped(text: string, part: Part): string | undefined {
  if (part.subtype === "plain") {
    const end = /(?:^|\r?\n)[ \t]*\r?\n/.exec(text);
    return end === null ? undefined : text.slice(end.index + end[0].length);
  }
  const shown = text.replace(/<div class="?header-protection-legacy-display"?>[\s\S]{0,65536}?<\/div>/i, "");
  return shown === text ? undefined : shown;
}

function asBase64(header: Buffer, latin1: string): Buffer {
  const fields = [...headerFields(header)].filter(({ key }) => key !== "content-transfer-encoding").map(keepField);
  const lines = Buffer.from(latin1, "latin1")
    .toString("base64")
    .replace(/.{1,76}/g, "$&\r\n");
  return Buffer.from(`${fields.join("")}Content-Transfer-Encoding: base64\r\n\r\n${lines}`, "latin1");
}

function withoutFirstPart({ octets, root }: Entity): Entity {
  const [first, second] = root.children ?? [];
  if (first === undefined || second === undefined) return { octets, root };
  return parseEntity(Buffer.concat([octets.subarray(0, first.headerStart), octets.subarray(second.headerStart)]));
}
