import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { newAppPassword, verifyAppPassword } from "../../keyring/app-password.ts";
import { addSlot, openVault } from "../../keyring/key-slots.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import {
  formatVaultFile,
  parseVaultFile,
  readVaultFile,
  type VaultFile,
  writeVaultFile,
} from "../../keyring/vault-file.ts";
import { CHEAP, KEY, slotOptions, someVault } from "./some-vault.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-vault-"));
});
afterEach(() => rm(directory, { recursive: true }));

const APP_PASSWORD = newAppPassword(() => Buffer.alloc(16, 3));

async function fullVault() {
  const { file, vault } = await someVault();
  const two = await addSlot(file, vault, "mutt", { kind: "app-password", password: APP_PASSWORD }, slotOptions());
  const passphrase = { kind: "passphrase", passphrase: "correct horse", cost: CHEAP } as const;
  return { file: await addSlot(two, vault, "by heart", passphrase, slotOptions("p")), vault };
}

test("a vault file comes back from disk as it was written, readable by nobody else", async () => {
  const { file } = await fullVault();
  const path = join(directory, "vault.json");
  expect(await readVaultFile(path)).toBeUndefined();
  await writeVaultFile(path, file);
  expect(await readVaultFile(path)).toEqual(file);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("the file holds neither the key nor a secret that opens it", async () => {
  const { file, vault } = await fullVault();
  const text = formatVaultFile(file);
  vault.wrap((key) => expect(text).not.toContain(Buffer.from(key).toString("base64")));
  expect(text).not.toContain(KEY.toString("base64"));
  expect(text).not.toContain(APP_PASSWORD);
});

test("a changed character anywhere is damage, not a wrong secret", async () => {
  const { file } = await fullVault();
  const text = formatVaultFile(file);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom("A", "1", '"', "{", ","), (place, character) => {
      const changed = text.slice(0, place) + character + text.slice(place + 1);
      // White space between members may become other white space or a character that JSON takes: it must then mean the same.
      try {
        expect(parseVaultFile(changed)).toEqual(file);
      } catch (error) {
        expect(error).toMatchObject({ code: "damaged" });
      }
    }),
    { numRuns: 500 },
  );
});

test("a file cut anywhere is damage", async () => {
  const { file } = await fullVault();
  const text = formatVaultFile(file).trimEnd();
  for (let length = 0; length < text.length; length += 7)
    expect(() => parseVaultFile(text.slice(0, length))).toThrow(expect.objectContaining({ code: "damaged" }));
});

test("no JSON whatever is taken for a vault, or thrown at with another error", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(() => parseVaultFile(text)).toThrow(expect.objectContaining({ code: "damaged" }));
    }),
    { numRuns: 300 },
  );
});

test("a damaged file stays on disk as it is", async () => {
  const path = join(directory, "vault.json");
  await writeFile(path, "{ half a file");
  await expect(readVaultFile(path)).rejects.toMatchObject({ code: "damaged" });
  expect(await readFile(path, "utf8")).toBe("{ half a file");
  await writeFile(path, Buffer.alloc(100_000, 0x20));
  await expect(readVaultFile(path)).rejects.toMatchObject({ code: "damaged" });
});

test.each([
  [
    "another recovery recipient",
    (file: VaultFile) => ({ ...file, recoveryRecipient: recoveryIdentity(KEY).recipient }),
  ],
  ["another SCRAM salt", (file: VaultFile) => ({ ...file, scram: { ...file.scram, salt: Buffer.alloc(16) } })],
  [
    "an app password of the intruder's",
    (file: VaultFile) => ({
      ...file,
      slots: file.slots.map((slot) => (slot.kind === "app-password" ? { ...slot, storedKey: Buffer.alloc(32) } : slot)),
    }),
  ],
  ["a slot less", (file: VaultFile) => ({ ...file, slots: file.slots.slice(0, 2) })],
])("%s, put in with a right checksum but without the vault's key, is noticed on opening", async (_what, change) => {
  const { file, vault } = await fullVault();
  const changed = parseVaultFile(formatVaultFile(change(file)));
  await expect(openVault(changed, { keyFile: KEY })).rejects.toMatchObject({ code: "damaged" });
  await expect(verifyAppPassword(changed, vault, APP_PASSWORD)).rejects.toMatchObject({ code: "damaged" });
  const slot = { kind: "key-file", key: KEY } as const;
  await expect(addSlot(changed, vault, "more", slot, slotOptions())).rejects.toMatchObject({ code: "damaged" });
  expect(await openVault(changed, { keyFile: Buffer.alloc(32) })).toBeUndefined();
});

test("costs beyond what this machine should pay are damage, whatever the checksum says", async () => {
  const { file } = await fullVault();
  const greedy = {
    ...file,
    slots: file.slots.map((slot) =>
      slot.kind === "passphrase" ? { ...slot, argon2: { ...slot.argon2, memory: 4_194_304 } } : slot,
    ),
  };
  expect(() => parseVaultFile(formatVaultFile(greedy))).toThrow(expect.objectContaining({ code: "damaged" }));
});
