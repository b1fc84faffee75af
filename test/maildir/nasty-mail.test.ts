import assert from "node:assert/strict";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Client, serve, stopServers } from "../imap-front/dialogue.ts";
import { fetchItems } from "../imap-front/model/mirror.ts";
import { parseResponses, type Value } from "../imap-front/model/responses.ts";
import { INFAMOUS, nastyMail } from "../mime/nasty-mail.ts";
import { decodedText, withLineEnds } from "./decoded.ts";
import { TestHome } from "./home.ts";
import { checkEnvelope, type ShownPart, shownParts } from "./shown-parts.ts";

/** `MODEL_SECONDS=600 MODEL_SEED=7`: go on for so long, with that seed. */
const SECONDS = Number(process.env["MODEL_SECONDS"] ?? 0);
const SEED = process.env["MODEL_SEED"];
/** Parts whose sections are asked for together. */
const TOGETHER = 20;
/** Of a message with more parts, only some are looked at. */
const MOST_PARTS = 120;
const KNOWN = ["7bit", "8bit", "binary", "base64", "quoted-printable"];

const home = new TestHome();
let client: Client;
let tags = 0;

beforeAll(async () => {
  client = await (await Client.connect(await serve(await home.open()))).login();
  await command("SELECT INBOX");
});

afterAll(async () => {
  client.close();
  await stopServers();
  home.remove();
});

async function command(text: string): Promise<string> {
  return await client.command(`n${++tags}`, text);
}

/** What FETCH gives of the message, by name; undefined where the command was refused. */
async function fetched(uid: number, items: string): Promise<ReadonlyMap<string, Value> | undefined> {
  const responses = parseResponses(await command(`UID FETCH ${uid} (${items})`));
  if (responses.at(-1)?.name !== "OK") return undefined;
  const response = responses.find(({ name }) => name === "FETCH");
  return response && fetchItems(response);
}

async function stored(mail: Buffer): Promise<number> {
  const answer = await command(`APPEND INBOX {${mail.length}+}\r\n${mail.toString("latin1")}`);
  const uid = /\[APPENDUID \d+ (\d+)\]/.exec(answer)?.[1];
  assert.ok(uid !== undefined, `APPEND was refused: ${answer}`);
  return Number(uid);
}

/** Whatever it is, it is stored, comes back octet for octet, and what is said of its parts is so. */
async function isToldRight(mail: Buffer): Promise<void> {
  const text = mail.toString("latin1");
  const uid = await stored(mail);
  const items = await fetched(
    uid,
    "ENVELOPE BODYSTRUCTURE BODY RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT]",
  );
  assert.ok(items !== undefined, "FETCH was refused");
  assert.equal(items.get("BODY[]"), text);
  assert.equal(Number(items.get("RFC822.SIZE")), mail.length);
  assert.equal(`${String(items.get("BODY[HEADER]"))}${String(items.get("BODY[TEXT]"))}`, text);
  checkEnvelope(items.get("ENVELOPE"));
  const parts = shownParts(items.get("BODYSTRUCTURE"));
  assert.deepEqual(shownParts(items.get("BODY")), parts);
  const step = Math.ceil(parts.length / MOST_PARTS);
  const some = parts.filter((_, index) => index % step === 0 || index === parts.length - 1);
  for (let i = 0; i < some.length; i += TOGETHER) await partsAreToldRight(uid, text, some.slice(i, i + TOGETHER));
}

const cut = (text: string, start: number) => text.slice(start, start + 5);

async function partsAreToldRight(uid: number, mail: string, parts: readonly ShownPart[]): Promise<void> {
  const start = mail.length % 7;
  const sections = parts.map(({ number, isMessage }) =>
    [
      `BODY.PEEK[${number}] BODY.PEEK[${number}]<${start}.5> BODY.PEEK[${number}.MIME]`,
      isMessage ? `BODY.PEEK[${number}.HEADER] BODY.PEEK[${number}.TEXT]` : "",
    ]
      .join(" ")
      .trim(),
  );
  const items = await fetched(uid, sections.join(" "));
  assert.ok(items !== undefined, `${sections[0]} was refused`);
  let before = 0;
  for (const part of parts) {
    const { number, octets, lines, isMessage } = part;
    const body = items.get(`BODY[${number}]`);
    const header = items.get(`BODY[${number}.MIME]`);
    assert.ok(typeof body === "string" && typeof header === "string", `BODY[${number}] is not there`);
    if (octets !== undefined) assert.equal(body.length, octets, `octets of ${number}`);
    if (lines !== undefined) assert.equal(lines, linesOf(body), `lines of ${number}`);
    assert.equal(items.get(`BODY[${number}]<${start}>`), cut(body, start));
    // The message's only part has the message's own header, which lies before what was found already.
    const place = mail.indexOf(header + body, Math.max(0, before));
    assert.ok(place >= 0, `MIME and body of ${number} do not stand in the message one after another`);
    before = place;
    if (isMessage)
      assert.equal(`${String(items.get(`BODY[${number}.HEADER]`))}${String(items.get(`BODY[${number}.TEXT]`))}`, body);
    await decodesRight(uid, part, body, start);
  }
}

function linesOf(body: string): number {
  const ends = body.split("\n").length - 1;
  return body === "" || body.endsWith("\n") ? ends : ends + 1;
}

async function decodesRight(uid: number, part: ShownPart, body: string, start: number): Promise<void> {
  const { number, encoding = "7bit", type, isMessage } = part;
  const items = await fetched(uid, `BINARY.PEEK[${number}] BINARY.PEEK[${number}]<${start}.5> BINARY.SIZE[${number}]`);
  const isLeaf = type !== "multipart" && !isMessage;
  if (isLeaf && !KNOWN.includes(encoding)) return assert.equal(items, undefined, `${encoding} was decoded`);
  assert.ok(items !== undefined, `BINARY[${number}] was refused`);
  assert.equal(Number(items.get(`BINARY.SIZE[${number}]`)), String(items.get(`BINARY[${number}]`)).length);
  // What the octets of a multipart are without their encoding is not said anywhere.
  if (type === "multipart") return;
  const decoded = isLeaf ? decodedText(encoding, body) : body;
  const expected = type === "text" ? withLineEnds(decoded) : decoded;
  assert.equal(items.get(`BINARY[${number}]`), expected, `BINARY[${number}], ${encoding}`);
  assert.equal(items.get(`BINARY[${number}]<${start}>`), cut(expected, start));
}

test.each(Object.entries(INFAMOUS))("mail with %s is stored and told right", async (_name, mail) => {
  await isToldRight(mail);
});

test(
  "any mail, however broken, is stored and told right",
  async () => {
    await fc.assert(fc.asyncProperty(nastyMail, isToldRight), {
      numRuns: SECONDS > 0 ? Number.MAX_SAFE_INTEGER : 150,
      ...(SECONDS > 0 && { interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false }),
      ...(SEED !== undefined && { seed: Number(SEED) }),
    });
    expect(parseResponses(await command("NOOP")).at(-1)?.name).toBe("OK");
  },
  (SECONDS + 300) * 1000,
);
