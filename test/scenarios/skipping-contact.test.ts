import { randomBytes } from "node:crypto";
import { afterEach, expect, test } from "@jest/globals";
import { Database } from "../../foundation/database.ts";
import { createDevice } from "../../keyring/device.ts";
import { CHAIN_LENGTH_MAX } from "../../keyring/device-limits.ts";
import { messageCounter } from "../../keyring/message-counter.ts";

const NOW = 1_800_000_000_000;
const open: Database[] = [];
afterEach(() => {
  for (const db of open.splice(0)) db.close();
});

function party(letter: string) {
  const db = new Database(":memory:");
  open.push(db);
  const device = createDevice(db, { random: randomBytes });
  const name = letter.repeat(52);
  return { db, device, name, steps: () => device.sessions(name, () => true) };
}

test.each(["first", "ratchet"] as const)(
  "a contact that skips ahead in %s messages, again and again, costs no keys and no room",
  async (type) => {
    const [victim, contact] = [party("a"), party("b")];
    const begin = contact.steps();
    await begin.begin(victim.name, victim.device.createBundle(NOW).bytes, NOW);
    const hello = await begin.encrypt(victim.name, 1, Buffer.from("hello"), NOW);
    const taken = victim.steps();
    await taken.decrypt(contact.name, 1, hello);
    if (type === "ratchet")
      await begin.decrypt(victim.name, 1, await taken.encrypt(contact.name, 1, Buffer.from("welcome"), NOW));
    taken.write();
    const size = () => victim.db.sqlite.prepare("SELECT length(record) FROM device_session").pluck().get() as number;
    const before = size();
    let far = await begin.encrypt(victim.name, 1, Buffer.from("far ahead"), NOW);
    for (let n = 0; n < CHAIN_LENGTH_MAX + 1; n++) far = await begin.encrypt(victim.name, 1, Buffer.from("far"), NOW);
    expect(far.type).toBe(type);
    expect(messageCounter(far.type, far.bytes)).toBeGreaterThan(CHAIN_LENGTH_MAX);
    for (let again = 0; again < 5; again++) {
      const steps = victim.steps();
      await expect(steps.decrypt(contact.name, 1, far)).rejects.toMatchObject({ kind: "invalid" });
      steps.write();
    }
    expect(size()).toBe(before);
  },
);

test("a first message that is cut off, or of other fields, is refused by its counter already", () => {
  for (const octets of ["", "33", "3322", "332205aa", "332280808080808080", "3309", "330800"])
    expect(() => messageCounter("first", Buffer.from(octets, "hex"))).toThrow();
});
