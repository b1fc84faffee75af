import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { translateOutgoing } from "../../bridge/translate/outgoing.ts";
import { formatAddress, OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { inPieces } from "../../foundation/content.ts";
import { outgoingHeader } from "../../legacy-gateway/outgoing/outgoing-header.ts";
import { decodeEncodedWords } from "../../mime/encoded-word.ts";
import { someLabel } from "../bridge/somebody.ts";

const OWN = formatAddress("mail", someLabel(0));
const ACCOUNT = "ann@old.example";

const overlay = fc
  .constantFrom(1, 2, 3)
  .chain((number) =>
    fc.constantFrom(
      formatAddress("mail", someLabel(number)),
      formatAddress("secretname", someLabel(number)),
      `petname${number}@${OVERLAY_DOMAIN}`,
    ),
  );
const old = fc.constantFrom(1, 2, 3).map((number) => `old${number}@friend${number}.example`);
const mailbox = fc
  .oneof(overlay, old)
  .chain((address) =>
    fc.constantFrom(
      address,
      `<${address}>`,
      `"Somebody, ${address}" <${address}>`,
      `Somebody (${address}) <${address}>`,
      `Group: ${address};`,
    ),
  );
/** An old address under a name that tells of an overlay address, plainly or as an encoded word. */
const telling = fc
  .tuple(old, overlay)
  .chain(([address, name]) =>
    fc.constantFrom(
      `"${name}" <${address}>`,
      `=?utf-8?B?${Buffer.from(name).toString("base64")}?= <${address}>`,
      `${address} (${name})`,
    ),
  );
const field = fc.record({
  name: fc.constantFrom("To", "Cc", "Bcc", "TO", "Resent-To", "X-To", "Reply-To", "Mail-Followup-To", "Sender", "From"),
  values: fc.array(fc.oneof(mailbox, mailbox, telling), { minLength: 1, maxLength: 4 }),
  folded: fc.boolean(),
});

/** Both headers that leave for one letter. */
async function leaving(fields: string): Promise<{ toProvider: string; toContacts: string }> {
  const content = (async function* () {
    yield Buffer.from(
      `${fields}Subject: hello\r\nMessage-ID: <1@laptop>\r\nReferences: <a@friend1.example> <b@${OVERLAY_DOMAIN}>\r\n\r\n`,
    );
  })();
  const letter = await translateOutgoing(content, {
    ownAddress: OWN,
    canonicalAddress: (address) =>
      address.startsWith("petname") ? formatAddress("mail", someLabel(Number(address[7]))) : undefined,
    messageIdKey: Buffer.alloc(32, 7),
    now: 0,
  });
  const header = outgoingHeader(letter.fields, { from: ACCOUNT, messageId: "2@old.example", now: 0 });
  const pieces: Uint8Array[] = [];
  for await (const piece of inPieces(letter.overlayMessage(letter.body))) pieces.push(piece);
  return { toProvider: header.toString("latin1"), toContacts: Buffer.concat(pieces).toString("latin1") };
}

test("of a letter to contacts and old addresses neither side sees the other's addresses, nor Bcc, however it is written", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(field, { maxLength: 8 }), async (fields) => {
      const header = fields
        .map(({ name, values, folded }) => `${name}: ${values.join(folded ? ",\r\n " : ", ")}\r\n`)
        .join("");
      const { toProvider, toContacts } = await leaving(header);
      expect(decodeEncodedWords(toProvider).toLowerCase()).not.toContain(OVERLAY_DOMAIN);
      for (const number of [1, 2, 3]) expect(toProvider.toLowerCase()).not.toContain(someLabel(number).toLowerCase());
      expect(toContacts).not.toMatch(/old\d@friend\d\.example/);
      expect(toContacts).not.toMatch(/petname|secretname/);
      // What the sender calls themselves is their own word.
      const open = fields
        .filter(({ name }) => /^(to|cc|reply-to|from)$/i.test(name))
        .flatMap(({ values }) => values.join());
      // Who stands in Bcc alone, or in a field that is nobody's business, is seen by nobody.
      for (const number of [1, 2, 3]) {
        const address = `old${number}@friend${number}.example`;
        if (!open.join().includes(address)) expect(toProvider).not.toContain(address);
      }
    }),
    { numRuns: 150, seed: 20261126 },
  );
});
