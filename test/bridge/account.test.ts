import { afterAll, expect, test } from "@jest/globals";
import { formatAddress } from "../../foundation/address.ts";
import { Somebody, someLabel } from "./somebody.ts";

const somebody = new Somebody();
const { account } = somebody;
afterAll(() => somebody.close());

const own = (localPart: string) => formatAddress(localPart, account.label);

test.each([
  ["the address that init printed", account.address],
  ["the same in capitals", account.address.toUpperCase()],
  ["another local part before the own label", own("me")],
  ["the local part alone", "mail"],
  ["the local part alone, in capitals", "MAIL"],
])("the user name may be %s", (_what, user) => {
  expect(account.isUser(user)).toBe(true);
});

test.each([
  "",
  "me",
  "mail@",
  "mail@example.org",
  "postern@postern.alt",
  "verified@postern.alt",
  formatAddress("mail", someLabel(1)),
])("the user name %j is not this user's", (user) => {
  expect(account.isUser(user)).toBe(false);
});

test("an address names who is behind it", () => {
  const contact = somebody.contacts.byPetname("verified");
  expect(account.addressee(own("x"))).toEqual({ kind: "self" });
  expect(account.addressee("postern@postern.alt")).toEqual({ kind: "bridge" });
  expect(account.addressee("Postern@POSTERN.alt")).toEqual({ kind: "bridge" });
  expect(account.addressee("Verified@postern.ALT")).toEqual({ kind: "contact", contact });
  expect(account.addressee(somebody.addressOf("verified"))).toEqual({ kind: "contact", contact });
  expect(account.addressee(formatAddress("x", someLabel(99)))).toEqual({ kind: "stranger", label: someLabel(99) });
  expect(account.addressee("nobody@postern.alt")).toEqual({ kind: "stranger" });
  expect(account.addressee("ann@example.org")).toEqual({ kind: "legacy" });
});

test.each(["", "x", "@", "@postern.alt", "x@", "x@short.postern.alt", `x@${"1".repeat(52)}.postern.alt`])(
  "%j is no address",
  (text) => {
    expect(account.addressee(text)).toEqual({ kind: "malformed" });
  },
);

test("everybody known has one address, whatever was typed, and strangers have none", () => {
  const contact = formatAddress("mail", someLabel(4));
  expect(account.canonicalAddress("mail@postern.alt")).toBeUndefined();
  expect(account.canonicalAddress(own("x"))).toBe(account.address);
  expect(account.canonicalAddress("VERIFIED@postern.alt")).toBe(contact);
  expect(account.canonicalAddress(somebody.addressOf("verified"))).toBe(contact);
  expect(account.canonicalAddress("nobody@postern.alt")).toBeUndefined();
  expect(account.canonicalAddress("ann@example.org")).toBeUndefined();
});

test("a petname is what the user calls somebody, never what the address says", () => {
  expect(account.petname(formatAddress("frozen", someLabel(4)))).toBe("verified");
  expect(account.petname(own("x"))).toBeUndefined();
  expect(account.petname("ann@example.org")).toBeUndefined();
});

test("a contact that is renamed or removed is so at once", () => {
  const other = new Somebody();
  other.contacts.rename(someLabel(2), "zoe");
  expect(other.account.addressee("zoe@postern.alt")).toMatchObject({ kind: "contact" });
  expect(other.account.addressee("invited@postern.alt")).toEqual({ kind: "stranger" });
  other.contacts.remove(someLabel(2));
  expect(other.account.addressee("zoe@postern.alt")).toEqual({ kind: "stranger" });
  other.close();
});
