import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  type AutocryptField,
  formatAutocrypt,
  parseAutocrypt,
} from "../../../legacy-gateway/openpgp/autocrypt-header.ts";
import {
  type PeerState,
  type RecommendationRequest,
  recommend,
  recommendForAll,
  seeGossip,
  seeLetter,
} from "../../../legacy-gateway/openpgp/autocrypt-peer.ts";
import { headerFields } from "../../../mime/header.ts";
import { DAY, NOW } from "./some-keys.ts";

function parse(field: string): AutocryptField | undefined {
  const [first] = headerFields(Buffer.from(field, "latin1"));
  return first && parseAutocrypt(first);
}

test("a field that is written is read as it was", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("bob@example.org", "b.o+b@sub.example.org"),
      fc.constantFrom("mutual" as const, "nopreference" as const),
      fc.uint8Array({ minLength: 1, maxLength: 5_000 }),
      (address, preferEncrypt, octets) => {
        const field = { address, preferEncrypt, keydata: Buffer.from(octets) };
        expect(parse(formatAutocrypt("Autocrypt", field) ?? "")).toEqual(field);
      },
    ),
  );
});

test("an unknown attribute makes a field invalid unless it begins with an underscore", () => {
  const key = "keydata=AAAA";
  expect(parse(`Autocrypt: addr=a@b.org; _x=1; ${key}\r\n`)?.address).toBe("a@b.org");
  expect(parse(`Autocrypt: addr=a@b.org; prefer-encrypt=never; ${key}\r\n`)?.preferEncrypt).toBe("nopreference");
  for (const wrong of [
    `addr=a@b.org; type=1; ${key}`,
    `addr=a@b.org; addr=c@d.org; ${key}`,
    `${key}; addr=a@b.org`,
    key,
    "addr=a@b.org",
    "addr=a@b.org; keydata=?",
    `addr=a@b.org; keydata=${"A".repeat(10_240)}`,
  ])
    expect(parse(`Autocrypt: ${wrong}\r\n`)).toBeUndefined();
});

test("a field of more than 10 KiB is not written", () => {
  const keydata = Buffer.alloc(8_000);
  expect(formatAutocrypt("Autocrypt", { address: "a@b.org", preferEncrypt: "mutual", keydata })).toBeUndefined();
});

const MUTUAL = { fingerprint: "aa", preferEncrypt: "mutual" as const };

test("the state of a peer follows the newest letters, in whatever order they come", () => {
  const first = seeLetter({}, { effectiveDate: 100, autocrypt: MUTUAL });
  expect(first).toEqual({ lastSeen: 100, autocryptTimestamp: 100, publicKey: "aa", preferEncrypt: "mutual" });
  expect(seeLetter(first, { effectiveDate: 50, autocrypt: { fingerprint: "bb", preferEncrypt: "nopreference" } })).toBe(
    first,
  );
  expect(seeLetter(first, { effectiveDate: 200 })).toEqual({ ...first, lastSeen: 200 });
  const gossiped = seeGossip(first, "cc", 70);
  expect(seeGossip(gossiped, "dd", 60)).toBe(gossiped);
  expect(gossiped).toMatchObject({ publicKey: "aa", gossipKey: "cc" });
});

test("the recommendation is that of the specification", () => {
  const all: Omit<RecommendationRequest, "peer"> = {
    isUsable: () => true,
    ownPreference: "mutual",
    replyToEncrypted: false,
  };
  const fresh: PeerState = { lastSeen: NOW, autocryptTimestamp: NOW, publicKey: "aa", preferEncrypt: "mutual" };
  const of = (peer: PeerState | undefined, more: Partial<typeof all> = {}) => recommend({ ...all, ...more, peer });
  expect(of(undefined)).toEqual({ recommendation: "disable" });
  expect(of(fresh)).toEqual({ recommendation: "encrypt", key: "aa" });
  expect(of({ ...fresh, preferEncrypt: "nopreference" })).toEqual({ recommendation: "available", key: "aa" });
  expect(of({ ...fresh, autocryptTimestamp: NOW - 36 * DAY })).toEqual({ recommendation: "discourage", key: "aa" });
  expect(of({ ...fresh, autocryptTimestamp: NOW - 36 * DAY }, { replyToEncrypted: true }).recommendation).toBe(
    "encrypt",
  );
  expect(of({ gossipKey: "cc" })).toEqual({ recommendation: "discourage", key: "cc" });
  expect(of({ ...fresh, gossipKey: "cc" }, { isUsable: (key) => key === "cc" })).toEqual({
    recommendation: "discourage",
    key: "cc",
  });
  expect(of(fresh, { isUsable: () => false })).toEqual({ recommendation: "disable" });
  expect(recommendForAll(["encrypt", "disable"])).toBe("disable");
  expect(recommendForAll(["encrypt", "encrypt"])).toBe("encrypt");
  expect(recommendForAll(["encrypt", "discourage", "available"])).toBe("discourage");
  expect(recommendForAll(["encrypt", "available"])).toBe("available");
});
