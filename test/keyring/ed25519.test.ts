import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import nacl from "tweetnacl";
import { signingKey, verifySignature } from "../../keyring/ed25519.ts";

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const signed = (message: Uint8Array) => Buffer.concat([Buffer.from("context\0"), message]);

test("keys and signatures are those of another implementation", () => {
  fc.assert(
    fc.property(seed, fc.uint8Array({ maxLength: 300 }), (seed, message) => {
      const key = signingKey(seed);
      const other = nacl.sign.keyPair.fromSeed(Uint8Array.from(seed));
      expect(key.publicKey).toEqual(Buffer.from(other.publicKey));
      const signature = key.sign("context", message);
      expect(signature).toEqual(Buffer.from(nacl.sign.detached(signed(message), other.secretKey)));
      expect(verifySignature(key.publicKey, "context", message, signature)).toBe(true);
    }),
    { numRuns: 15 },
  );
});

test("a signature under one context is none under another", () => {
  const key = signingKey(Buffer.alloc(32, 1));
  const signature = key.sign("one", Buffer.from("message"));
  expect(verifySignature(key.publicKey, "two", Buffer.from("message"), signature)).toBe(false);
  // The zero byte keeps `on` + `e...` apart from `one` + `...`.
  expect(verifySignature(key.publicKey, "on", Buffer.from("emessage"), signature)).toBe(false);
});

test("a signature with the group's order added to S is refused", () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const key = signingKey(Buffer.alloc(32, 1));
  const signature = key.sign("context", Buffer.from("message"));
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString("hex")}`) + order;
  const forged = Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse(),
  ]);
  expect(verifySignature(key.publicKey, "context", Buffer.from("message"), forged)).toBe(false);
});

test("no key or signature of any length makes the check throw", () => {
  const any = fc.uint8Array({ maxLength: 70 });
  fc.assert(
    fc.property(any, any, any, (key, message, signature) => !verifySignature(key, "context", message, signature)),
  );
});
