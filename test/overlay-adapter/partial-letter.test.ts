import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { PartialLetter } from "../../overlay-adapter/letters/partial-letter.ts";

test("a letter takes slots for as many devices as somebody may have, and no more", () => {
  const tag = randomBytes(16);
  const letter = new PartialLetter(tag.toString("hex"), 1);
  const slots = Array.from({ length: 7 }, (_, at) => ({
    deviceId: at + 1,
    type: "ratchet" as const,
    bytes: randomBytes(253),
  }));
  const fits = Array.from({ length: 30 }, (_, seq) => letter.take({ kind: "slots", tag, slots }, seq + 1));
  expect(fits).toEqual([...Array<string>(18).fill("taken"), ...Array<string>(12).fill("damaged")]);
  expect(letter.sealed().slots).toHaveLength(126);
  const first = {
    kind: "letter",
    tag,
    senderDevice: 1,
    cells: 1,
    commitment: randomBytes(32),
    chunk: randomBytes(100),
  } as const;
  expect(letter.take({ ...first, slots: slots.slice(0, 2) }, 31)).toBe("damaged");
  expect(letter.take({ ...first, slots: slots.slice(0, 1) }, 32)).toBe("taken");
});
