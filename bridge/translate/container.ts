/**
 * What travels over the overlay, version 1; docs/overlay-message.md has the reasons.
 *
 *     message = "PSTM" version header *segment end
 *     version = u8                           ; 1
 *     header  = u32 length, length octets    ; fields, each with CRLF; no empty line
 *     segment = literal / base64
 *     literal = 0x01 u32 length, length octets
 *     base64  = 0x02 u16 lineLength u8 lineEnd u32 length, length octets
 *     end     = 0x00                         ; nothing follows
 *
 * A base64 segment stands for its octets in base64 (RFC 4648 section 4, padded), in lines of lineLength characters of
 * which the last may be shorter, each line ended by LF (lineEnd 1) or CRLF (lineEnd 2).
 */
export const MAGIC = Buffer.from("PSTM", "ascii");
export const VERSION = 1;

export const SEGMENT = { end: 0, literal: 1, base64: 2 } as const;
export const LINE_END = { lf: 1, crlf: 2 } as const;
export type LineEnd = (typeof LINE_END)[keyof typeof LINE_END];

/** The letter's content is no overlay message of a known version: made wrong on purpose, or by a newer program. */
export class MalformedOverlayMessage extends Error {
  override name = "MalformedOverlayMessage";
}
