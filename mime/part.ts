/** One body part as RFC 3501 and RFC 9051 count them, with its place in the message in octets. Texts are raw octets as latin1. */
export interface Part {
  /** Where the part's own header begins; 0 for the message itself. */
  readonly headerStart: number;
  /** First octet after the empty line that ends the header; equals bodyEnd where there is no body. */
  readonly bodyStart: number;
  /** One past the last octet; the CRLF before a boundary belongs to the boundary (RFC 2046 section 5.1.1). */
  readonly bodyEnd: number;
  /** Lines in the body, counted as CRLF or bare LF; a last line without an end counts. */
  readonly lines: number;
  /** Lower case, for instance `text`; `text/plain` where absent or broken. */
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly id?: string;
  readonly description?: string;
  /** Content-Transfer-Encoding, lower case; `7bit` where absent. */
  readonly encoding: string;
  readonly md5?: string;
  readonly disposition?: { readonly kind: string; readonly parameters: readonly (readonly [string, string])[] };
  readonly language?: readonly string[];
  readonly location?: string;
  /** The parts of a multipart, in order; a multipart without any is treated as a leaf of its own type. */
  readonly children?: readonly Part[];
  /** The message inside a message/rfc822 or message/global part that is not transfer-encoded. */
  readonly message?: Part;
  /** For `message` and the root: the RFC 9051 ENVELOPE in wire form (see envelope.ts). */
  readonly envelope?: string;
}
