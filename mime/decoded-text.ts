import { charsetDecoder } from "./charset.ts";
import { decodeEncodedWords } from "./encoded-word.ts";
import { headerFields } from "./header.ts";
import { parameterText } from "./parameters.ts";
import type { Part } from "./part.ts";
import { decodeTransfer } from "./transfer-decoding.ts";

/**
 * The decoded, unfolded text of the fields of that name, one a line; undefined where there is none. Without a name,
 * of all fields as `Name: text`.
 */
export function decodedHeader(header: Uint8Array, name?: string): string | undefined {
  const key = name?.toLowerCase();
  const lines: string[] = [];
  for (const field of headerFields(header)) {
    if (key !== undefined && field.key !== key) continue;
    const text = decodeEncodedWords(field.value);
    lines.push(key === undefined ? `${field.name}: ${text}` : text);
  }
  return lines.length === 0 && key !== undefined ? undefined : lines.join("\n");
}

/**
 * The text of a message's text parts and of the headers of messages inside, transfer-decoded and charset-decoded, in
 * pieces of any length; a text may be cut anywhere, and parts are set apart by a line end. Never throws on the
 * message; what `read` throws passes through. `read` is asked for octets start..end, end exclusive.
 */
export async function* decodedBody(
  root: Part,
  read: (start: number, end: number) => AsyncIterable<Uint8Array>,
): AsyncIterable<string> {
  if (root.message !== undefined) {
    yield* decodedInnerHeader(root.message, read);
    yield* decodedBody(root.message, read);
    return;
  }
  for (const child of root.children ?? []) yield* decodedBody(child, read);
  if (root.type !== "text" || root.bodyStart === root.bodyEnd) return;
  const decoder = charsetDecoder(parameterText(root.parameters, "charset"));
  for await (const octets of decodeTransfer(root.encoding, read(root.bodyStart, root.bodyEnd))) {
    const text = decoder.decode(octets, { stream: true });
    if (text !== "") yield text;
  }
  yield `${decoder.decode()}\n`;
}

/** The parser's bounds keep such a header small. */
async function* decodedInnerHeader(
  message: Part,
  read: (start: number, end: number) => AsyncIterable<Uint8Array>,
): AsyncIterable<string> {
  const octets: Uint8Array[] = [];
  for await (const chunk of read(message.headerStart, message.bodyStart)) octets.push(Buffer.from(chunk));
  yield `${decodedHeader(Buffer.concat(octets)) ?? ""}\n`;
}
