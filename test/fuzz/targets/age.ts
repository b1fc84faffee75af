import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import * as vectors from "cctv-age";
import * as fc from "fast-check";
import { AgeFormatError } from "../../../maildir/age/format-error.ts";
import { AgeOpener } from "../../../maildir/age/opener.ts";
import { sealBytes } from "../../../maildir/age/sealer.ts";
import { VaultKey } from "../../../maildir/age/vault-key.ts";
import { octets, type Target } from "../target.ts";

const key = new VaultKey(Buffer.alloc(32, 7));
const known = new Set<string>();
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

function sealed(size: number): Buffer {
  const plaintext = Buffer.alloc(size, "text ");
  known.add(digest(plaintext));
  return sealBytes([key], plaintext);
}

/** The files of the age test kit, without what is said of them. */
const kit = Object.values(vectors as Readonly<Record<string, Uint8Array>>).map((bytes) => {
  const file = Buffer.from(bytes);
  const end = file.indexOf("\n\n");
  const body = file.subarray(end + 2);
  return file.toString("latin1", 0, end).includes("compressed: zlib") ? inflateSync(body) : body;
});
const own = [0, 1, 100, 65_535, 65_536, 65_537].map(sealed);

/** Nothing comes out of a file but its own error, or the plaintext that was sealed. */
export const age: Target = {
  name: "age",
  seeds: [...own, ...own.slice(0, 3), ...kit.filter(({ length }) => length < 70_000)],
  tokens: [
    "age-encryption.org/v1\n",
    "-> ",
    "-> X25519 ",
    "-> scrypt ",
    "--- ",
    "---",
    "\n",
    "=",
    "-> postern.alt/vault ",
    "\r\n",
  ],
  structured: fc
    .tuple(
      fc.constantFrom("age-encryption.org/v1\n", "age-encryption.org/v2\n", ""),
      fc.array(fc.tuple(fc.constantFrom("X25519", "scrypt", "", "a b"), fc.base64String({ maxLength: 90 })), {
        maxLength: 4,
      }),
      fc.base64String({ maxLength: 44 }),
      fc.uint8Array({ maxLength: 60 }),
    )
    .map(([version, stanzas, mac, payload]) => {
      const text = stanzas.map(([kind, body]) => `-> ${kind}\n${body.replace(/=+$/, "")}\n`).join("");
      return Buffer.concat([octets(`${version}${text}--- ${mac.replace(/=+$/, "")}\n`), payload]);
    }),
  async run(file) {
    try {
      const source = { size: file.length, read: (at: number, length: number) => file.subarray(at, at + length) };
      const opener = AgeOpener.open(file, source, key);
      if (opener === undefined) return;
      const pieces: Buffer[] = [];
      for await (const piece of opener.read()) pieces.push(piece);
      const plaintext = Buffer.concat(pieces);
      if (!known.has(digest(plaintext))) throw new Error("a changed file opened");
    } catch (error) {
      if (!(error instanceof AgeFormatError)) throw error;
    }
  },
};
