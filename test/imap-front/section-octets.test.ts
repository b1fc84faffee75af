import { expect, test } from "@jest/globals";
import { begun } from "../../imap-front/section-octets.ts";

test.each([0, 1, 2])(
  "a stream whose first piece was read ends the reading when it is let go of after %d pieces",
  async (count) => {
    let ended = false;
    async function* pieces() {
      try {
        for (let i = 0; i < 3; i++) yield Uint8Array.of(i);
      } finally {
        ended = true;
      }
    }
    const iterator = (await begun(pieces()))[Symbol.asyncIterator]();
    for (let i = 0; i < count; i++) expect((await iterator.next()).value).toEqual(Uint8Array.of(i));
    expect(ended).toBe(false);
    await iterator.return?.();
    expect(ended).toBe(true);
  },
);

test("a stream whose first piece was read gives all pieces", async () => {
  async function* pieces() {
    for (let i = 0; i < 3; i++) yield Uint8Array.of(i);
  }
  const all: number[] = [];
  for await (const [octet = -1] of await begun(pieces())) all.push(octet);
  expect(all).toEqual([0, 1, 2]);
});
