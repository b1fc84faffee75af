/** One letter as mail really is: what relays and mailing lists add, plain text, HTML, both, and files. */
import { createHash } from "node:crypto";
import { encodeBase64Lines, encodeHeaderText } from "./encodings.ts";
import { type Prose, type ProseLine, proseLine } from "./prose.ts";
import type { Random } from "./random.ts";

export type Shape = "plain" | "html" | "alternative" | "mixed";

export interface Correspondent {
  readonly name: string;
  readonly address: string;
}

export interface LetterPlan {
  readonly from: Correspondent;
  readonly to: readonly Correspondent[];
  readonly subject: string;
  /** With angle brackets, like the references. */
  readonly messageId: string;
  /** Oldest first; empty for the first letter of a thread. */
  readonly references: readonly string[];
  /** Milliseconds since 1970. */
  readonly date: number;
  readonly shape: Shape;
  readonly foreign: boolean;
  /** Lines that stand in the text besides its prose. */
  readonly planted: readonly string[];
}

/** Headers of a part, each with its line end, and its content. */
type Part = readonly [headers: string, content: readonly (string | Buffer)[]];

/** Lines of base64 that attachments are cut from; 57 octets make one of 78 with its end. */
const ATTACHMENT_LINES = 150_000;
const LINE_OCTETS = 57;
const TYPES = ["application/pdf", "image/jpeg", "application/zip", "application/octet-stream"];

export class LetterWriter {
  readonly #random: Random;
  readonly #prose: Prose;
  readonly #attachments: Buffer;

  constructor(random: Random, prose: Prose) {
    this.#random = random;
    this.#prose = prose;
    const noise = createHash("shake256", { outputLength: ATTACHMENT_LINES * LINE_OCTETS })
      .update(random.hex(32))
      .digest();
    this.#attachments = Buffer.from(encodeBase64Lines(noise), "latin1");
  }

  /** The whole message, with CRLF line ends. */
  write(plan: LetterPlan): Buffer {
    const [headers, content] = this.#body(plan);
    const start = `${this.#envelopeHeaders(plan)}MIME-Version: 1.0\r\n${headers}\r\n`;
    return Buffer.concat([start, ...content].map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
  }

  #envelopeHeaders(plan: LetterPlan): string {
    const random = this.#random;
    const date = formatDate(plan.date);
    let headers = `Return-Path: <${plan.from.address}>\r\n`;
    for (let hops = 1 + random.below(3); hops > 0; hops--)
      headers += `Received: from mx${random.below(99)}.example.net (mx.example.net [192.0.2.${random.below(256)}])\r\n\tby mail${random.below(9)}.example.org with ESMTPS id ${random.hex(12)};\r\n\t${date}\r\n`;
    if (random.chance(0.7))
      headers += `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=s1;\r\n\th=from:to:subject:date:message-id; bh=${random.hex(44)};\r\n\tb=${random.hex(64)}\r\n\t ${random.hex(70)}\r\n\t ${random.hex(70)}\r\n\t ${random.hex(70)}\r\n`;
    if (random.chance(0.25))
      headers += `List-Id: <talk.example.org>\r\nList-Unsubscribe: <https://example.org/u/${random.hex(24)}>\r\n`;
    headers += `Date: ${date}\r\nFrom: ${formatCorrespondent(plan.from)}\r\nTo: ${plan.to.map(formatCorrespondent).join(",\r\n ")}\r\n`;
    headers += `Subject: ${encodeHeaderText(plan.subject)}\r\nMessage-ID: ${plan.messageId}\r\n`;
    const parent = plan.references.at(-1);
    if (parent !== undefined)
      headers += `In-Reply-To: ${parent}\r\nReferences: ${plan.references.slice(-10).join("\r\n ")}\r\n`;
    return random.chance(0.5) ? `${headers}User-Agent: Letterpress/${1 + random.below(9)}.0\r\n` : headers;
  }

  #body(plan: LetterPlan): Part {
    const random = this.#random;
    const lines = this.#prose.text(random, Math.min(300_000, random.logNormal(3300, 1)), plan.foreign);
    if (plan.references.length > 0)
      for (const quoted of this.#prose.text(random, random.logNormal(900, 0.8), false))
        lines.push(proseLine(`> ${quoted.text}`));
    for (const planted of plan.planted) lines.splice(random.below(Math.min(lines.length, 12)), 0, proseLine(planted));
    if (plan.shape === "plain") return this.#text("plain", lines, plan.foreign);
    if (plan.shape === "html") return this.#text("html", this.#html(lines), plan.foreign);
    const both = this.#multipart("alternative", [
      this.#text("plain", lines, plan.foreign),
      this.#text("html", this.#html(lines), plan.foreign),
    ]);
    if (plan.shape === "alternative") return both;
    const files = Array.from({ length: random.chance(0.2) ? 2 : 1 }, () => this.#attachment());
    return this.#multipart("mixed", [random.chance(0.5) ? both : this.#text("plain", lines, plan.foreign), ...files]);
  }

  #text(subtype: "plain" | "html", lines: readonly ProseLine[], foreign: boolean): Part {
    const encoding = this.#random.pick(foreign ? ["quoted-printable", "base64", "8bit"] : ["7bit", "quoted-printable"]);
    const headers = `Content-Type: text/${subtype}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n`;
    if (encoding === "quoted-printable")
      return [headers, [lines.map((line) => `${line.quotedPrintable}\r\n`).join("")]];
    const text = lines.map((line) => `${line.text}\r\n`).join("");
    return [headers, [encoding === "base64" ? encodeBase64Lines(Buffer.from(text)) : text]];
  }

  #html(lines: readonly ProseLine[]): ProseLine[] {
    const found = [HTML_START];
    for (const [index, line] of lines.entries()) {
      if (line.text === "") found.push(PARAGRAPH);
      else found.push(line);
      if (index % 25 === 24)
        found.push(
          proseLine(`<a href="https://example.com/${this.#random.hex(24)}">${this.#prose.word(this.#random)}</a>`),
        );
    }
    return [...found, HTML_END];
  }

  #attachment(): Part {
    const random = this.#random;
    const octets = Math.min(6_000_000, Math.max(500, random.logNormal(40_000, 1.4)));
    const rows = Math.min(ATTACHMENT_LINES - 1, Math.ceil(octets / LINE_OCTETS));
    const start = random.below(ATTACHMENT_LINES - rows) * 78;
    const name = `${this.#prose.word(random)}-${random.below(1000)}.bin`;
    return [
      `Content-Type: ${random.pick(TYPES)}; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n`,
      [this.#attachments.subarray(start, start + rows * 78)],
    ];
  }

  #multipart(subtype: string, parts: readonly Part[]): Part {
    const boundary = `=_${this.#random.hex(24)}`;
    const content: (string | Buffer)[] = [];
    for (const [headers, octets] of parts) content.push(`--${boundary}\r\n${headers}\r\n`, ...octets, "\r\n");
    return [`Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n`, [...content, `--${boundary}--\r\n`]];
  }
}

const HTML_START = proseLine(
  '<html><head><style type="text/css">body {margin: 0} td {padding: 8px}</style></head><body>',
);
const PARAGRAPH = proseLine('</p><p style="font-size: 14px; line-height: 20px; color: #333333">');
const HTML_END = proseLine("</body></html>");

function formatCorrespondent({ name, address }: Correspondent): string {
  return `${encodeHeaderText(name)} <${address}>`;
}

/** RFC 5322 section 3.3, in UTC. */
function formatDate(date: number): string {
  return new Date(date).toUTCString().replace("GMT", "+0000");
}
