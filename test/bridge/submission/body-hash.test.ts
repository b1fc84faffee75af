import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { BodyHash } from "../../../bridge/submission/body-hash.ts";

function hashOf(...chunks: (string | Uint8Array)[]): string {
  const hash = new BodyHash();
  for (const chunk of chunks) hash.push(typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk);
  return hash.digest().toString("hex");
}

/** The definition, on a body that is whole. */
function definition(body: string): string {
  const lines = body.replaceAll("\r", "").split("\n");
  while (lines.at(-1) === "") lines.pop();
  return createHash("sha256")
    .update(Buffer.from(lines.join("\n"), "latin1"))
    .digest("hex");
}

const text = fc
  .array(fc.constantFrom("a", "b", " ", "\n", "\n", "\r", "\r\n", "é", ".", "word"))
  .map((parts) => parts.join(""));
const header = fc.constantFrom("", "Subject: x\n", "From: a\nSubject: b\n c\n", "To: x\r\nX: y\r\n");

test("it is SHA-256 of the body without CR and without the line ends at its end, in any header and any chunks", () => {
  fc.assert(
    fc.property(header, text, fc.array(fc.nat(40)), (head, body, cuts) => {
      const message = Buffer.from(`${head}${head.includes("\r") ? "\r\n" : "\n"}${body}`, "latin1");
      const chunks: Buffer[] = [];
      let from = 0;
      for (const cut of cuts) {
        chunks.push(message.subarray(from, from + cut));
        from = Math.min(message.length, from + cut);
      }
      chunks.push(message.subarray(from));
      expect(hashOf(...chunks)).toBe(definition(body));
    }),
    { numRuns: 1000 },
  );
});

test("another body has another hash", () => {
  const lines = fc.array(fc.stringMatching(/^[ -~]{0,9}$/), { maxLength: 6 }).map((parts) => parts.join("\r\n"));
  fc.assert(
    fc.property(lines, lines, (one, other) => {
      const same = one.replace(/(\r\n)+$/, "") === other.replace(/(\r\n)+$/, "");
      expect(hashOf(`A: b\r\n\r\n${one}`) === hashOf(`A: b\r\n\r\n${other}`)).toBe(same);
    }),
    { numRuns: 500 },
  );
});

test("headers do not count, empty lines inside the body do", () => {
  expect(hashOf("Subject: x\r\n\r\nbody\r\n")).toBe(hashOf("Subject: y\r\nBcc: z\r\n\r\nbody"));
  expect(hashOf("A: b\n\none\n\ntwo")).not.toBe(hashOf("A: b\n\none\ntwo"));
  expect(hashOf("A: b\n\n\nbody")).not.toBe(hashOf("A: b\n\nbody"));
});

test("a message without a body has the hash of nothing", () => {
  const nothing = createHash("sha256").digest("hex");
  for (const message of ["", "Subject: x", "Subject: x\r\n", "Subject: x\r\n\r\n", "Subject: x\r\n\r\n\r\n\r\n"])
    expect(hashOf(message)).toBe(nothing);
});

test("what is watched is handed on unchanged", async () => {
  const chunks = [Buffer.from("A: b\r\n"), Buffer.from("\r\nbo"), Buffer.from("dy\r\n")];
  const hash = new BodyHash();
  const seen: Uint8Array[] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const chunk of hash.watch(source)) seen.push(chunk);
  expect(seen).toEqual(chunks);
  expect(hash.digest().toString("hex")).toBe(definition("body"));
});

test("a megabyte of line ends costs no more than other octets", () => {
  const ends = "\r\n".repeat(500_000);
  expect(hashOf("A: b\r\n\r\n", "x", ends, "y")).toBe(definition(`x${ends}y`));
});
