import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { newMasterSeed, qrText, seedToWords, wordsToSeed } from "../../keyring/paper-key.ts";
import { isRecoveryRecipient, recoveryIdentity } from "../../keyring/recovery-identity.ts";
import { fixedRandom } from "./fixed-random.ts";

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("BIP 39's vectors of 256 bits give their words", () => {
  expect(seedToWords(Buffer.alloc(32))).toBe(`${"abandon ".repeat(23)}art`);
  expect(seedToWords(Buffer.alloc(32, 0xff))).toBe(`${"zoo ".repeat(23)}vote`);
  expect(seedToWords(Buffer.alloc(32, 0x7f))).toBe(
    `${"legal winner thank year wave sausage worth useful ".repeat(2)}legal winner thank year wave sausage worth title`,
  );
});

test("the words give the seed back, however they are spaced and numbered", () => {
  fc.assert(
    fc.property(seed, (bytes) => {
      const words = seedToWords(bytes);
      expect(wordsToSeed(words)).toEqual(Buffer.from(bytes));
      const listed = words.split(" ").map((word, index) => `${index + 1}. ${word.toUpperCase()}`);
      expect(wordsToSeed(`\n${listed.join("\r\n")}\n`)).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 30 },
  );
});

test("a missing, foreign or misspelt word is told from a seed", () => {
  const words = seedToWords(newMasterSeed(fixedRandom("words"))).split(" ");
  expect(wordsToSeed(words.slice(1).join(" "))).toBeUndefined();
  expect(wordsToSeed([...words, "abandon"].join(" "))).toBeUndefined();
  expect(wordsToSeed(["postern", ...words.slice(1)].join(" "))).toBeUndefined();
  expect(wordsToSeed(["", ...words].reverse().join(" "))).toBeUndefined();
  expect(wordsToSeed("")).toBeUndefined();
});

test("the QR code of 24 words fits a terminal of 80 columns", () => {
  const lines = qrText(seedToWords(Buffer.alloc(32, 0x7f))).split("\n");
  const width = Math.max(...lines.map((line) => Array.from(line).length));
  expect(width).toBeLessThanOrEqual(80);
  expect(width).toBeGreaterThan(lines.length);
});

test("the QR code's quiet zone is drawn on a dark ground and left blank on paper", () => {
  const [onScreen, onPaper] = [qrText("postern"), qrText("postern", "light")].map((code) => code.split("\n")[0] ?? "");
  expect(onScreen).toMatch(/^\u2588+$/);
  expect(onPaper).toMatch(/^ +$/);
});

test("the recovery identity is the seed's for ever", () => {
  // Whoever changes this derivation makes every paper key in a drawer useless.
  expect(recoveryIdentity(Buffer.alloc(32, 7))).toEqual({
    identity: "AGE-SECRET-KEY-1LA7XFEWCPMYN36LYDLPD3KZ2C0PQSYJLA9Q2YWVD6C42ZEH447AQF3AQR5",
    recipient: "age1ghud2x5n63zk5taq993eph09p5clml5y3g8cg7eawues9c086czq8230vv",
  });
});

test("a recipient with a changed character is none", () => {
  const { recipient } = recoveryIdentity(Buffer.alloc(32, 7));
  expect(isRecoveryRecipient(recipient)).toBe(true);
  for (let place = 0; place < recipient.length; place += 1) {
    const other = recipient[place] === "q" ? "p" : "q";
    expect(isRecoveryRecipient(recipient.slice(0, place) + other + recipient.slice(place + 1))).toBe(false);
  }
  expect(isRecoveryRecipient(recipient.toUpperCase())).toBe(false);
  expect(isRecoveryRecipient("")).toBe(false);
});
