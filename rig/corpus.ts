/** Letters as mail really is, the same in every run: threads, HTML, attachments, many scripts and encodings, odd ones. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";

export interface CorpusLetter {
  /** As a mail program shows it; it ends with `s` and the number in five digits, which no other subject holds. */
  readonly subject: string;
  /** A word that only this letter's text holds; absent where it has no text. */
  readonly word: string | undefined;
  readonly seen: boolean;
  readonly flagged: boolean;
  /** The whole message with CRLF line ends, without an mbox's additions. */
  readonly raw: Buffer;
}

const PEOPLE = [
  { name: "Anna Weiß", address: "anna@example.org" },
  { name: "Tomáš Dvořák", address: "tomas@example.net" },
  { name: "山田太郎", address: "yamada@example.jp" },
  { name: "Lee, Sam", address: "sam.lee@example.com" },
  { name: "Olga Иванова", address: "olga@example.org" },
  { name: "The Build", address: "build@ci.example.com" },
  { name: "Zoë O'Neill", address: "zoe@example.ie" },
] as const;

const TOPICS = [
  "Minutes of Monday",
  "Grüße aus Köln",
  "Invoice",
  "会議の議事録",
  "[list] A patch for the parser",
  "Планы на лето",
  "Lunch?",
  "Your order has been sent 📦",
] as const;

const WORDS = (
  "the report of a meeting that we had on Monday about plans for the garden and its walls which nobody wants to build " +
  "before winter comes so please send me what you think of costs time people and the colour of doors thank you kindly " +
  "naïve Straße façade señor übermorgen œuvre Привет мир 東京 の 手紙 ελληνικά price 40 € per hour"
).split(" ");

const START = Date.UTC(2015, 0, 1, 7, 30);
const BETWEEN = 8 * 3_600_000;
const THREAD_LENGTH = 5;

/** Jest looks globals up slowly, and this module asks often. */
const { floor, imul } = Math;

/** A small generator of numbers in [0, 1) for test data (mulberry32); nothing that is to be secret. */
function randomFrom(seed: number): () => number {
  let state = imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Random = () => number;

function pick<T>(random: Random, from: readonly T[]): T {
  return from[floor(random() * from.length)] as T;
}

function prose(random: Random, paragraphs: number): string {
  const lines: string[] = [];
  for (let paragraph = 0; paragraph < paragraphs; paragraph++) {
    for (let line = 2 + floor(random() * 6); line > 0; line--)
      lines.push(Array.from({ length: 10 }, () => pick(random, WORDS)).join(" "));
    lines.push("");
  }
  return `${lines.join("\r\n")}\r\n`;
}

function base64Lines(octets: Buffer): string {
  return octets.toString("base64").replace(/.{76}/g, "$&\r\n").concat("\r\n");
}

function quotedPrintable(text: string): string {
  const escape = (octet: number) => `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  const line = (words: string) => {
    let out = "";
    let width = 0;
    for (const octet of Buffer.from(words)) {
      const piece = octet < 32 || octet > 126 || octet === 61 ? escape(octet) : String.fromCharCode(octet);
      if (width + piece.length > 72) {
        out += "=\r\n";
        width = 0;
      }
      out += piece;
      width += piece.length;
    }
    return out;
  };
  return text.split("\r\n").map(line).join("\r\n");
}

/** RFC 2047, in words of whole characters that are short enough. */
function encodedWords(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const characters = Array.from(text);
  const words: string[] = [];
  for (let at = 0; at < characters.length; at += 10)
    words.push(`=?UTF-8?B?${Buffer.from(characters.slice(at, at + 10).join("")).toString("base64")}?=`);
  return words.join("\r\n ");
}

function mailbox({ name, address }: (typeof PEOPLE)[number]): string {
  return /^[\x20-\x7e]*$/.test(name) ? `"${name}" <${address}>` : `${encodedWords(name)} <${address}>`;
}

/** What attachments are cut from. */
const NOISE = Buffer.alloc(1 << 18);
for (let at = 0, random = randomFrom(0); at < NOISE.length; at++) NOISE[at] = floor(random() * 256);

interface Content {
  readonly fields: readonly string[];
  readonly body: string | Buffer;
}

const TEXT_8BIT = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"];

function plain(random: Random, word: string): Content {
  const paragraphs = 1 + floor(random() ** 3 * 12);
  return { fields: TEXT_8BIT, body: `${word}\r\n\r\n${prose(random, paragraphs)}From here on all is said.\r\n` };
}

function reply(random: Random, word: string): Content {
  const quoted = prose(random, 4).replace(/^(?=.)/gm, "> ");
  const body = quotedPrintable(`${prose(random, 1)}${word}\r\n\r\n${quoted}-- \r\nsent from a garden\r\n`);
  const type = "Content-Type: text/plain; charset=utf-8; format=flowed";
  return { fields: ["MIME-Version: 1.0", type, "Content-Transfer-Encoding: quoted-printable"], body };
}

function multipart(subtype: string, boundary: string, parts: readonly string[]): Content {
  const inner = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("");
  return {
    fields: ["MIME-Version: 1.0", `Content-Type: multipart/${subtype};\r\n boundary="${boundary}"`],
    body: `This is a message of several parts.\r\n${inner}--${boundary}--\r\n`,
  };
}

function newsletter(random: Random, word: string): Content {
  const text = prose(random, 3);
  const html =
    `<html><head><style>p { color: #333 }</style></head><body><h1>${word}</h1>` +
    text
      .split("\r\n\r\n")
      .map((paragraph) => `<p style="margin:0">${paragraph}</p><img src="cid:logo" alt="">`)
      .join("\r\n") +
    "</body></html>";
  return multipart("alternative", `=_alt_${word}`, [
    `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${word}\r\n${text}`,
    `Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${quotedPrintable(html)}`,
  ]);
}

function withFile(random: Random, word: string, number: number): Content {
  const size = number % 1_000 === 8 ? 1_000_000 : 2_000 + floor(random() ** 4 * 100_000);
  const octets = Buffer.alloc(size);
  for (let at = 0; at < size; ) at += NOISE.copy(octets, at, floor(random() * NOISE.length));
  const name = "filename*=UTF-8''Pl%C3%A4ne%20f%C3%BCr%20M%C3%A4rz.bin";
  return multipart("mixed", `----=_Part_${word}`, [
    `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${word}\r\n${prose(random, 1)}`,
    `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n` +
      `Content-Disposition: attachment; ${name}\r\n\r\n${base64Lines(octets)}`,
  ]);
}

/** What is seldom, and in every mailbox. */
const ODD: readonly ((random: Random, word: string) => Content)[] = [
  (_random, word) => ({
    fields: ["MIME-Version: 1.0", "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: 8bit"],
    body: Buffer.from(`${word} Grüße über die Straße\r\n`, "latin1"),
  }),
  (_random, word) => ({
    fields: ["Content-Type: text/plain; charset=x-no-such"],
    body: `${word} in an unknown charset\r\n`,
  }),
  (_random, word) => ({
    fields: [`X-Long: ${"very ".repeat(1_500)}long`],
    body: `${word} under a long header line\r\n`,
  }),
  (_random, word) => ({
    fields: ['Content-Type: multipart/mixed; boundary="never"'],
    body: `${word}: the boundary that was announced does not come\r\n`,
  }),
  (_random, word) => ({
    fields: TEXT_8BIT,
    body: `${word}\r\nFrom the beginning of a line\r\n>From one that was quoted\r\n.\r\n..\r\n${"x".repeat(5_000)}\r\n`,
  }),
  (random, word) => {
    const inner = multipart("alternative", "inner", [`Content-Type: text/plain\r\n\r\n${word} within a letter\r\n`]);
    const fields = ["From: <inner@example.org>", "Subject: within", ...inner.fields].join("\r\n");
    return multipart("mixed", "outer", [
      `Content-Type: text/plain; charset=utf-8\r\n\r\n${prose(random, 1)}`,
      `Content-Type: message/rfc822\r\n\r\n${fields}\r\n\r\n${String(inner.body)}`,
    ]);
  },
  (_random, word) => ({
    fields: ["Content-Transfer-Encoding: base64"],
    body: base64Lines(Buffer.from(`${word} alone\r\n`)),
  }),
  () => ({ fields: [], body: "" }),
];

function content(random: Random, number: number, word: string): Content {
  if (number % 50 === 49) return (ODD[floor(number / 50) % ODD.length] as (typeof ODD)[number])(random, word);
  if (number % 10 === 8) return withFile(random, word, number);
  if (number % THREAD_LENGTH > 0 && number % 2 === 1) return reply(random, word);
  return number % 4 === 2 ? newsletter(random, word) : plain(random, word);
}

function messageId(number: number): string {
  return `<${number}.${(number * 7_919) % 10_007}@corpus.example>`;
}

/** Where its thread begins: each five in a row are one. */
function ancestors(number: number): number[] {
  const root = number - (number % THREAD_LENGTH);
  return Array.from({ length: number - root }, (_, index) => root + index);
}

/** The letter with this number; the same for the same number, whatever else is made. */
export function corpusLetter(number: number): CorpusLetter {
  const random = randomFrom(number);
  const digits = String(number).padStart(5, "0");
  const word = `w${digits}`;
  const before = ancestors(number).map(messageId);
  const topic = `${before.length > 0 ? "Re: " : ""}${TOPICS[(number - before.length) % TOPICS.length]}`;
  const subject = `${topic} s${digits}`;
  const { fields, body } = content(random, number, word);
  const odd = number % 50 === 49;
  const header = [
    `Received: from mx.example.org (mx.example.org [192.0.2.${number % 250}])\r\n\tby in.example.org; ${date(number)}`,
    // Some letters have lost their date.
    ...(odd && number % 100 === 99 ? [] : [`Date: ${date(number)}`]),
    `From: ${mailbox(pick(random, PEOPLE))}`,
    `To: ${mailbox(pick(random, PEOPLE))},\r\n ${mailbox(pick(random, PEOPLE))}`,
    // A part of the mail in the world has UTF-8 as it is in its header.
    `Subject: ${odd ? subject : `${encodedWords(topic)} s${digits}`}`,
    `Message-ID: ${messageId(number)}`,
    ...(before.length > 0 ? [`In-Reply-To: ${before.at(-1)}`, `References: ${before.join("\r\n ")}`] : []),
    ...(topic.includes("[list]") ? ["List-Id: A list <list.example.org>", "Precedence: list"] : []),
    ...fields,
  ].join("\r\n");
  const octets = typeof body === "string" ? Buffer.from(body) : body;
  return {
    subject,
    word: octets.length === 0 ? undefined : word,
    seen: number % 10 < 7,
    flagged: number % 97 === 0,
    raw: Buffer.concat([Buffer.from(`${header}\r\n\r\n`), octets]),
  };
}

function date(number: number): string {
  return new Date(START + number * BETWEEN).toUTCString().replace("GMT", "+0000");
}

/** Writes letters from one number up to, not with, another as an mbox (mboxrd), with their flags. */
export async function writeCorpus(path: string, from: number, to: number): Promise<void> {
  const file = createWriteStream(path);
  for (let number = from; number < to; number++) {
    const { raw, seen, flagged } = corpusLetter(number);
    const flags = `Status: ${seen ? "RO" : "O"}\r\nX-Status: ${flagged ? "F" : ""}\r\nX-Keywords: \r\n`;
    const day = new Date(START + number * BETWEEN).toUTCString().split(/,? /);
    const separator = `From - ${day[0]} ${day[2]} ${day[1]} ${day[4]} ${day[3]}\r\n`;
    // One octet each, so that nothing is changed but the quoting.
    const quoted = raw.toString("latin1").replace(/^(>*From )/gm, ">$1");
    if (!file.write(Buffer.from(`${separator}${flags}${quoted}\r\n`, "latin1"))) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}
