import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  newAppPassword,
  normalizeAppPassword,
  scramCredentials,
  verifyAppPassword,
} from "../../keyring/app-password.ts";
import { addSlot } from "../../keyring/key-slots.ts";
import { scramKeys } from "../../keyring/scram.ts";
import { fixedRandom } from "./fixed-random.ts";
import { slotOptions, someVault } from "./some-vault.ts";

const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

test("an app password is 128 bits in groups of four base32 characters", () => {
  const password = newAppPassword(() => Buffer.from("000102030405060708090a0b0c0d0e0f", "hex"));
  expect(password).toBe("aaaq-eaye-auda-ocaj-bifq-ydio-b4");
});

test("it is known again in capitals, without hyphens and with spaces", () => {
  fc.assert(
    fc.property(bytes, (random) => {
      const password = newAppPassword(() => random);
      expect(password).toMatch(/^(?:[a-z2-7]{4}-){6}[a-z2-7]{2}$/);
      for (const typed of [
        password,
        password.toUpperCase(),
        password.replaceAll("-", ""),
        ` ${password.replaceAll("-", " ")} `,
      ])
        expect(normalizeAppPassword(typed)).toBe(password);
    }),
  );
});

test("whatever else is typed is no app password and no error", () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (typed) => normalizeAppPassword(typed) === undefined));
});

async function twoPrograms() {
  const random = fixedRandom("passwords");
  const passwords = { mutt: newAppPassword(random), thunderbird: newAppPassword(random) };
  const { file: empty, vault } = await someVault();
  let file = empty;
  for (const [name, password] of Object.entries(passwords))
    file = await addSlot(file, vault, name, { kind: "app-password", password }, slotOptions(name));
  return { file, vault, passwords };
}

test("each program's password names its slot; any other names none", async () => {
  const { file, vault, passwords } = await twoPrograms();
  expect(await verifyAppPassword(file, vault, passwords.mutt)).toBe("mutt");
  expect(await verifyAppPassword(file, vault, passwords.thunderbird.toUpperCase())).toBe("thunderbird");
  expect(await verifyAppPassword(file, vault, newAppPassword(fixedRandom("other")))).toBeUndefined();
  expect(await verifyAppPassword(file, vault, "")).toBeUndefined();
});

test("a SCRAM server gets salt, iterations and both keys of every program, and the salt is one", async () => {
  const { file, passwords } = await twoPrograms();
  const credentials = scramCredentials(file);
  expect(credentials.map(({ name }) => name)).toEqual(["mutt", "thunderbird"]);
  expect(new Set(credentials.map(({ salt }) => salt.toString("hex"))).size).toBe(1);
  for (const { name, salt, iterations, storedKey, serverKey } of credentials) {
    const keys = await scramKeys(passwords[name as keyof typeof passwords], salt, iterations);
    expect([storedKey, serverKey]).toEqual([keys.storedKey, keys.serverKey]);
  }
});
