import { expect, test } from "@jest/globals";
import { passphraseFits, stretchPassphrase, unwrapVaultKey, wrapVaultKey } from "../../keyring/slot-key.ts";

test("a passphrase is stretched by Argon2id as its authors publish it", async () => {
  const stretched = await stretchPassphrase("password", Buffer.from("somesalt"), {
    memory: 65_536,
    passes: 2,
    lanes: 1,
  });
  expect(stretched.toString("hex")).toBe("09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
});

test("a passphrase has one character or more, and 1024 bytes at most", () => {
  expect(passphraseFits("")).toBe(false);
  expect(passphraseFits("1")).toBe(true);
  expect(passphraseFits("x".repeat(1024))).toBe(true);
  expect(passphraseFits("\u00fc".repeat(513))).toBe(false);
});

test("a slot opens for its own vault, kind, salt and secret alone", () => {
  const [key, secret, salt] = [1, 2, 3].map((fill) => Buffer.alloc(32, fill)) as [Buffer, Buffer, Buffer];
  const wrapped = wrapVaultKey("vault", "key-file", secret, salt, key);
  const slot = { kind: "key-file", salt, wrapped } as const;
  expect(unwrapVaultKey("vault", slot, secret)).toEqual(key);
  expect(unwrapVaultKey("other", slot, secret)).toBeUndefined();
  expect(unwrapVaultKey("vault", { ...slot, kind: "paper" }, secret)).toBeUndefined();
  expect(unwrapVaultKey("vault", { ...slot, salt: secret }, secret)).toBeUndefined();
  expect(unwrapVaultKey("vault", slot, salt)).toBeUndefined();
  for (let bit = 0; bit < wrapped.length * 8; bit += 1) {
    const flipped = Buffer.from(wrapped);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(unwrapVaultKey("vault", { ...slot, wrapped: flipped }, secret)).toBeUndefined();
  }
});
