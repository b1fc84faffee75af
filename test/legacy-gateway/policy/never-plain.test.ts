import { beforeAll, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type PrivateKey, readMessage } from "openpgp";
import type { RecipientKey } from "../../../legacy-gateway/openpgp/key-book.ts";
import { type ProtectionParts, protectOutgoing } from "../../../legacy-gateway/openpgp/protect-outgoing.ts";
import { encryptLetter } from "../../../legacy-gateway/openpgp/write-letter.ts";
import { decide, POLICIES, type Policy } from "../../../legacy-gateway/policy/decide.ts";
import { keysOf, NOW, someKey } from "../openpgp/some-keys.ts";
import { read } from "../openpgp/some-letters.ts";

const NEEDLE = "NEEDLE-IN-THE-LETTER";
const ME = "me@example.org";

const recipient = fc.record({
  own: fc.option(fc.constantFrom(...POLICIES), { nil: undefined }),
  key: fc.constantFrom("fit", "none", "expired", "revoked", "weak"),
  sentEncrypted: fc.boolean(),
  plainConfirmed: fc.boolean(),
  recommended: fc.boolean(),
  hidden: fc.boolean(),
});

const sending = fc.record({
  general: fc.constantFrom(...POLICIES),
  recipients: fc.array(recipient, { minLength: 1, maxLength: 4 }),
  hasOwnKey: fc.boolean(),
  answersEncrypted: fc.boolean(),
  encryption: fc.constantFrom("works", "works", "works", "fails"),
  signPlain: fc.boolean(),
});

type Sending = typeof sending extends fc.Arbitrary<infer T> ? T : never;

/** Whether the user's words forbid the clear, said otherwise than in the code that is tested. */
function plainIsForbidden({ general, recipients, answersEncrypted }: Sending): boolean {
  return (
    answersEncrypted ||
    recipients.some(({ own, sentEncrypted, plainConfirmed }) => {
      if (own === "overlay-only" || own === "encrypt-or-refuse") return true;
      if (own === undefined && (general === "overlay-only" || general === "encrypt-or-refuse")) return true;
      if (own === undefined && sentEncrypted) return true;
      return own !== "plain-allowed" && !plainConfirmed;
    })
  );
}

let me: PrivateKey;
let theirs: PrivateKey[];

beforeAll(async () => {
  me = await someKey(ME);
  theirs = await Promise.all([0, 1, 2, 3].map((index) => someKey(`r${index}@example.org`)));
});

async function leave(one: Sending): Promise<{ left: Buffer | undefined; outcome: string }> {
  const addresses = one.recipients.map((_, index) => `r${index}@example.org`);
  const visible = addresses.filter((_, index) => one.recipients[index]?.hidden !== true);
  const content = Buffer.from(
    `From: ${ME}\r\nTo: ${visible.join(", ") || "undisclosed-recipients:;"}\r\nSubject: ${NEEDLE}\r\nIn-Reply-To: <a@b>\r\nKeywords: ${NEEDLE}\r\n` +
      `MIME-Version: 1.0\r\nContent-Type: text/plain; name=${NEEDLE}\r\n\r\n${NEEDLE}\r\n`,
  );
  const at = (address: string) => Number(address[1]);
  const parts: ProtectionParts = {
    general: one.general,
    ownFor: () => (one.hasOwnKey ? me : undefined),
    async keyFor(address): Promise<RecipientKey> {
      const kind = one.recipients[at(address)]?.key ?? "none";
      const key = theirs[at(address)]?.toPublic();
      if (kind === "fit" && key !== undefined)
        return {
          kind: "key",
          key,
          binding: {
            address,
            fingerprint: key.getFingerprint(),
            origin: "autocrypt",
            accepted: true,
            firstSeen: 0,
            lastSeen: 0,
          },
        };
      return kind === "none" || kind === "fit" ? { kind: "none" } : { kind: "unusable", fitness: kind as "expired" };
    },
    facts(address) {
      const {
        own,
        sentEncrypted = false,
        plainConfirmed = false,
        recommended = false,
      } = one.recipients[at(address)] ?? {};
      const recommendation = recommended ? ("encrypt" as const) : ("available" as const);
      return { ...(own !== undefined && { own }), sentEncrypted, plainConfirmed, advice: { recommendation } };
    },
    preferences: { preferEncrypt: "mutual", signPlain: one.signPlain },
    cameEncrypted: (ids) => one.answersEncrypted && ids.includes("a@b"),
    now: () => NOW,
    encrypt: async (letter, options) => {
      if (one.encryption === "fails") throw new Error("the key could not be used");
      return await encryptLetter(letter, options);
    },
  };
  try {
    const done = await protectOutgoing({ from: ME, recipients: addresses, content }, parts);
    if (done.kind === "refuse") return { left: undefined, outcome: "refuse" };
    return { left: done.content, outcome: done.how };
  } catch {
    return { left: undefined, outcome: "failed" };
  }
}

test("nothing leaves in the clear that the user's words forbid, whatever fails", async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(sending, async (one) => {
      const { left, outcome } = await leave(one);
      seen.add(outcome);
      const readable = left?.includes(NEEDLE) === true;
      if (plainIsForbidden(one)) expect(readable).toBe(false);
      expect(readable).toBe(outcome === "plain");
    }),
    { numRuns: 300, seed: 5 },
  );
  expect(seen).toEqual(new Set(["encrypted", "plain", "refuse", "failed"]));
}, 120_000);

test("a thousand decisions: never plain where it is forbidden, never encrypted without all keys", () => {
  fc.assert(
    fc.property(sending, (one) => {
      const decision = decide({
        ...one,
        recipients: one.recipients.map(({ key, own, ...facts }, index) => ({
          ...facts,
          ...(own !== undefined && { own }),
          address: `r${index}@example.org`,
          hasKey: key === "fit",
        })),
      });
      if (plainIsForbidden(one)) expect(decision.kind).not.toBe("plain");
      if (decision.kind === "encrypt")
        expect(one.hasOwnKey && one.recipients.every(({ key }) => key === "fit")).toBe(true);
      if (decision.kind === "refuse") expect(decision.because.length).toBeGreaterThan(0);
    }),
    { numRuns: 1_000 },
  );
});

test("who is named in no field can read the letter, and nothing in it tells the others of their key", async () => {
  const base = {
    own: "encrypt-or-refuse" as Policy,
    key: "fit" as const,
    sentEncrypted: false,
    plainConfirmed: false,
    recommended: false,
  };
  const { left } = await leave({
    general: "encrypt-or-refuse",
    recipients: [
      { ...base, hidden: false },
      { ...base, hidden: true },
    ],
    hasOwnKey: true,
    answersEncrypted: false,
    encryption: "works",
    signPlain: false,
  });
  const hidden = theirs[1];
  if (hidden === undefined || left === undefined) throw new Error("there is no such key, or letter");
  const { keywords, text } = await read(left.toString("latin1"), keysOf([hidden], [[me.toPublic(), ME]]));
  expect(keywords).toEqual(["$Legacy", "$Encrypted", "$Signed"]);
  expect(text).not.toContain("r1@example.org");
  const armoredMessage = /-----BEGIN[\s\S]*END PGP MESSAGE-----/.exec(left.toString("latin1"))?.[0] ?? "";
  const ids = (await readMessage({ armoredMessage })).getEncryptionKeyIDs().map((id) => id.toHex());
  expect(new Set(ids)).toEqual(new Set(["0".repeat(16)]));
});
