import { expect, test } from "@jest/globals";
import { readLegacyLetter } from "../../legacy-gateway/incoming/incoming-letter.ts";
import { collect, pieces } from "../maildir/home.ts";

const RESULT =
  "Authentication-Results: postern.alt;\r\n x-postern=none (it came by e-mail) policy.road=legacy policy.account=ann@old.example\r\n";

async function shown(letter: string): Promise<string> {
  const { content, keywords } = await readLegacyLetter({ account: "ann@old.example", content: pieces(letter) });
  expect(keywords).toEqual(["$Legacy"]);
  const text = (await collect(content)).toString("latin1");
  expect(text.startsWith(RESULT)).toBe(true);
  return text.slice(RESULT.length);
}

test("a letter stays as it came, octet for octet, the provider's own results too", async () => {
  for (const letter of [
    "Authentication-Results: mx.old.example; dkim=pass\r\nFrom: bob@friend.example\r\n\r\nHello.\r\n",
    "From: bob@friend.example\n\nHello.\n\n",
    "From: bob@friend.example\r\nthis is no field\r\nHello.",
    "Subject: only a header\r\n",
    "",
  ])
    expect(await shown(letter)).toBe(letter);
});

test.each([
  "Authentication-Results: postern.alt; x-postern=pass header.from=bob",
  "authentication-results: (a comment) POSTERN.ALT; x-postern=pass",
  "Authentication-Results:\r\n postern.alt;\r\n x-postern=pass",
  'Authentication-Results: "postern.alt"; x-postern=pass',
])("%j claims to be the bridge's own result and is shown as a claim", async (field) => {
  const text = await shown(`${field}\r\nFrom: bob@friend.example\r\n\r\nHello.\r\n`);
  expect(text).toMatch(/^X-Claimed-Authentication-Results:/i);
  expect(text.endsWith("From: bob@friend.example\r\n\r\nHello.\r\n")).toBe(true);
});

test.each([
  "From: bob@postern.alt",
  "From: Bob <mail@aaaa.POSTERN.ALT>",
  "From: bob@friend.example, Bob <bob@postern.alt>",
  "Sender: bob@postern.alt.",
  "Reply-To: friends: bob@friend.example, bob@postern.alt;",
])("%j claims an overlay address, and nobody is shown in its place", async (field) => {
  const name = field.slice(0, field.indexOf(":"));
  const text = await shown(`${field}\r\nSubject: hello\r\n\r\nHello.\r\n`);
  expect(text).toContain(`X-Claimed-${field}\r\n${name}: "not proven" <unproven@sender.invalid>\r\n`);
});

test("a sender who only speaks of the overlay is shown", async () => {
  const letter = 'From: "about postern.alt" <bob@friend.example>\r\n\r\nHello.\r\n';
  expect(await shown(letter)).toBe(letter);
});
