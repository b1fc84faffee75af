import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createCleartextMessage, createMessage, encrypt, sign } from "openpgp";
import { openGatewayKeys } from "../../../bridge/gateway/gateway-keys.ts";
import { Database } from "../../../foundation/database.ts";
import { NOW, someKey } from "./some-keys.ts";
import { encryptedLetter, FROM, NEEDLE, only, PAYLOAD, signedLetter, textOf } from "./some-letters.ts";

test("a letter that is broken anywhere is stored all the same", async () => {
  const keys = openGatewayKeys({ db: new Database(":memory:"), now: () => NOW, notify: () => undefined });
  await (await keys.book()).keepOwn(await someKey("alice@example.org"));
  const bob = await someKey("bob@example.org");
  await (await keys.book()).learn(bob.toPublic(), "bob@example.org", "import");
  const date = new Date(NOW);
  const binary = async () => await createMessage({ binary: Buffer.from(PAYLOAD) });
  const encryptionKeys = (await keys.book()).own.map((key) => key.toPublic());
  const sealed = await encrypt({ message: await binary(), encryptionKeys, signingKeys: bob, date });
  const signature = await sign({ message: await binary(), signingKeys: bob, detached: true, date });
  const clear = await sign({ message: await createCleartextMessage({ text: "text" }), signingKeys: bob, date });
  const attached = `--m\r\nContent-Type: application/pgp-keys\r\n\r\n${bob.toPublic().armor()}\r\n--m--\r\n`;
  const letters = [
    encryptedLetter(sealed),
    signedLetter(PAYLOAD, signature),
    `${FROM}Content-Type: text/plain\r\n\r\n${clear}`,
    `${FROM}Content-Type: text/plain\r\n\r\n${sealed}`,
    `Autocrypt: addr=bob@example.org; keydata=AAAA\r\n${FROM}Content-Type: multipart/mixed; boundary=m\r\n\r\n${attached}`,
  ];
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    kind: fc.constantFrom("cut", "flip", "insert", "double", "drop"),
    octet: fc.integer({ min: 0, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...letters),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (letter, changes) => {
        let octets = Buffer.from(letter, "latin1");
        for (const { at, kind, octet } of changes) {
          const place = Math.floor(at * octets.length);
          const [before, after] = [octets.subarray(0, place), octets.subarray(place)];
          if (kind === "cut") octets = Buffer.from(before);
          else if (kind === "insert") octets = Buffer.concat([before, Buffer.from([octet]), after]);
          else if (kind === "double") octets = Buffer.concat([octets, after]);
          else if (kind === "drop") octets = Buffer.concat([before, after.subarray(octet)]);
          else if (octets.length > 0) octets.writeUInt8(octet, Math.min(place, octets.length - 1));
        }
        const { content, keywords } = await keys.read({ account: "alice@example.org", content: only(octets) });
        const text = await textOf(content);
        expect(text).toMatch(/^Authentication-Results: postern\.alt; x-openpgp=/);
        expect(keywords).toContain("$Legacy");
        // Of an inline letter, the text is shown in base64.
        const whole = text.includes(NEEDLE) || text.includes(Buffer.from(PAYLOAD).toString("base64").slice(0, 40));
        if (keywords.includes("$Encrypted") && keywords.includes("$Signed")) expect(whole).toBe(true);
      },
    ),
    { numRuns: 400 },
  );
}, 120_000);
