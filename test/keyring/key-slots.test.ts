import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { newAppPassword } from "../../keyring/app-password.ts";
import {
  addSlot,
  createVault,
  listSlots,
  type NewSlot,
  openVault,
  removeSlot,
  type SlotSecret,
} from "../../keyring/key-slots.ts";
import { seedToWords, wordsToSeed } from "../../keyring/paper-key.ts";
import { scramKeys } from "../../keyring/scram.ts";
import { CHEAP, KEY, NOW, RECIPIENT, SEED, slotOptions, someVault } from "./some-vault.ts";

const APP_PASSWORD = newAppPassword(() => Buffer.alloc(16, 3));
const PASSPHRASE = "correct horse battery";

const KINDS: [string, NewSlot, SlotSecret, SlotSecret][] = [
  [
    "a passphrase",
    { kind: "passphrase", passphrase: PASSPHRASE, cost: CHEAP },
    { passphrase: PASSPHRASE },
    { passphrase: "correct horse batterx" },
  ],
  ["a key file", { kind: "key-file", key: KEY }, { keyFile: KEY }, { keyFile: Buffer.alloc(32, 1) }],
  [
    "an app password",
    { kind: "app-password", password: APP_PASSWORD },
    { appPassword: APP_PASSWORD },
    { appPassword: newAppPassword(() => Buffer.alloc(16, 4)) },
  ],
  ["the paper key", { kind: "paper", masterSeed: SEED }, { masterSeed: SEED }, { masterSeed: Buffer.alloc(32, 8) }],
];

test.each(KINDS)("%s opens the vault that it was added to", async (_kind, slot, secret) => {
  const { file, vault } = await someVault(slot);
  const opened = await openVault(file, secret);
  expect(opened?.id).toBe(vault.id);
  expect(opened?.derive("mail")).toEqual(vault.derive("mail"));
});

test.each(KINDS)("%s that is wrong opens nothing and is not taken for damage", async (_kind, slot, _secret, wrong) => {
  const { file } = await someVault(slot);
  expect(await openVault(file, wrong)).toBeUndefined();
});

test.each(KINDS)("%s opens nothing where there is no slot of its kind", async (_kind, slot, secret) => {
  const other: NewSlot =
    slot.kind === "key-file" ? { kind: "paper", masterSeed: SEED } : { kind: "key-file", key: KEY };
  const { file } = await someVault(other);
  expect(await openVault(file, secret)).toBeUndefined();
});

test("all slots open the same vault, and a removed one opens it no more", async () => {
  const { file: first, vault } = await createVault(
    RECIPIENT,
    KINDS[0]?.[0] ?? "",
    KINDS[0]?.[1] as NewSlot,
    slotOptions(),
  );
  let file = first;
  for (const [name, slot] of KINDS.slice(1)) file = await addSlot(file, vault, name, slot, slotOptions(name));
  expect(listSlots(file).map(({ name, kind }) => [name, kind])).toEqual(KINDS.map(([name, { kind }]) => [name, kind]));
  for (const [name, , secret] of KINDS) {
    expect((await openVault(file, secret))?.derive("x")).toEqual(vault.derive("x"));
    if (file.slots.length > 1) {
      file = removeSlot(file, vault, name);
      expect(await openVault(file, secret)).toBeUndefined();
    }
  }
  expect(listSlots(file)).toEqual([{ name: "the paper key", kind: "paper", createdAt: NOW }]);
});

test("the 24 words on paper open the vault when every other slot is gone", async () => {
  const { file: first, vault } = await someVault();
  const words = seedToWords(SEED);
  const file = await addSlot(first, vault, "paper key", { kind: "paper", masterSeed: SEED }, slotOptions());
  const masterSeed = wordsToSeed(words);
  if (masterSeed === undefined) throw new Error("no seed");
  const opened = await openVault(removeSlot(file, vault, "first"), { masterSeed });
  expect(opened?.derive("mail")).toEqual(vault.derive("mail"));
});

test("the last slot cannot be removed", async () => {
  const { file, vault } = await someVault();
  expect(() => removeSlot(file, vault, "first")).toThrow(expect.objectContaining({ code: "forbidden" }));
  expect(() => removeSlot(file, vault, "second")).toThrow(expect.objectContaining({ code: "nonexistent" }));
});

test("SCRAM's ClientKey opens the slot of its app password", async () => {
  const { file, vault } = await someVault({ kind: "app-password", password: APP_PASSWORD });
  const { clientKey } = await scramKeys(APP_PASSWORD, file.scram.salt, file.scram.iterations);
  expect((await openVault(file, { clientKey }))?.derive("x")).toEqual(vault.derive("x"));
  expect(await openVault(file, { clientKey: randomBytes(32) })).toBeUndefined();
});

test("a passphrase may be typed in either Unicode form", async () => {
  const { file } = await someVault({ kind: "passphrase", passphrase: "gru\u0308\u00dfe aus Ulm", cost: CHEAP });
  expect(await openVault(file, { passphrase: "gr\u00fc\u00dfe aus Ulm" })).toBeDefined();
});

test.each([
  ["an empty passphrase", { kind: "passphrase", passphrase: "", cost: CHEAP }],
  ["an endless passphrase", { kind: "passphrase", passphrase: "x".repeat(1025), cost: CHEAP }],
  ["a passphrase at no cost", { kind: "passphrase", passphrase: PASSPHRASE, cost: { ...CHEAP, memory: 8 } }],
  ["a key of the wrong length", { kind: "key-file", key: Buffer.alloc(31) }],
  ["an app password that somebody chose", { kind: "app-password", password: "hunter2" }],
] satisfies [string, NewSlot][])("%s is refused", async (_what, slot) => {
  await expect(someVault(slot)).rejects.toMatchObject({ code: "invalid" });
});

test("a name is taken once, and has one line", async () => {
  const { file, vault } = await someVault();
  const add = (name: string) => addSlot(file, vault, name, { kind: "paper", masterSeed: SEED }, slotOptions());
  await expect(add("first")).rejects.toMatchObject({ code: "already-exists" });
  await expect(add("two\nlines")).rejects.toMatchObject({ code: "invalid" });
  await expect(add("")).rejects.toMatchObject({ code: "invalid" });
  await expect(add("x".repeat(65))).rejects.toMatchObject({ code: "invalid" });
});

test("a fifth passphrase is refused: each costs half a second at every wrong login", async () => {
  const slot: NewSlot = { kind: "passphrase", passphrase: PASSPHRASE, cost: CHEAP };
  const { file: first, vault } = await someVault(slot);
  let file = first;
  for (const name of ["2", "3", "4"]) file = await addSlot(file, vault, name, slot, slotOptions(name));
  await expect(addSlot(file, vault, "5", slot, slotOptions("5"))).rejects.toMatchObject({ code: "invalid" });
});

test("a vault derives another key for every label, and none once it is closed", async () => {
  const { vault } = await someVault();
  expect(vault.derive("a")).toHaveLength(32);
  expect(vault.derive("a")).not.toEqual(vault.derive("b"));
  vault.close();
  expect(() => vault.derive("a")).toThrow(expect.objectContaining({ code: "locked" }));
});

test("an open vault shows its key to no printer", async () => {
  const { vault } = await someVault();
  expect(JSON.stringify(vault)).toBe(JSON.stringify({ id: vault.id }));
});
