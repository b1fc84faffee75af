import { afterAll, expect, test } from "@jest/globals";
import { routeRecipient } from "../../../bridge/submission/recipient-check.ts";
import { formatAddress } from "../../../foundation/address.ts";
import type { PendingIntroduction } from "../../../overlay-adapter/contacts/meetings.ts";
import { SmtpReply } from "../../../smtp-front/submission.ts";
import { Somebody, someLabel } from "../somebody.ts";

const somebody = new Somebody();
const { account } = somebody;
const introductions: PendingIntroduction[] = [];
const parts = { account, overlay: { meetings: { introductions: () => introductions } } };
afterAll(() => somebody.close());

function refusal(address: string): SmtpReply {
  try {
    routeRecipient(parts, address);
  } catch (error) {
    if (error instanceof SmtpReply) return error;
    throw error;
  }
  throw new Error(`${address} was accepted`);
}

test.each(["invited", "introduced", "verified"])(
  "a contact who is %s gets letters, by petname and by address",
  (state) => {
    const label = somebody.contacts.byPetname(state)?.label;
    expect(routeRecipient(parts, `${state}@postern.alt`)).toEqual({ kind: "contact", label });
    expect(routeRecipient(parts, somebody.addressOf(state))).toEqual({ kind: "contact", label });
  },
);

test("the bridge itself takes commands", () => {
  expect(routeRecipient(parts, "Postern@postern.alt")).toEqual({ kind: "bridge" });
});

test("one's own address is a route to oneself", () => {
  expect(routeRecipient(parts, account.address)).toEqual({ kind: "self" });
  expect(routeRecipient(parts, formatAddress("list", account.label))).toEqual({ kind: "self" });
});

test.each([
  ["a contact who is frozen", "frozen@postern.alt", 550, "5.7.1"],
  ["a contact who was revoked", "revoked@postern.alt", 550, "5.7.1"],
  ["a petname that nobody has", "nobody@postern.alt", 550, "5.1.1"],
  ["the address of a stranger", formatAddress("x", someLabel(99)), 550, "5.1.1"],
  ["an old e-mail address", "ann@example.org", 550, "5.7.1"],
  ["what is no address", "ann", 553, "5.1.3"],
  ["a label that is cut short", "x@abc.postern.alt", 553, "5.1.3"],
])("%s is refused for good: %s gets %d %s", (_who, address, code, enhanced) => {
  expect(refusal(address)).toMatchObject({ code, enhanced });
});

test("a contact whose invite is still under way is refused for now alone", () => {
  expect(refusal("pending@postern.alt")).toMatchObject({ code: 450, enhanced: "4.2.1" });
});

test("whom somebody introduces is refused with the command that accepts; once accepted here, for now alone", () => {
  const introduction = {
    id: "1",
    introducer: someLabel(1),
    other: someLabel(98),
    name: "friend-abcd",
    coRecipient: true,
    expiresAt: 0,
  };
  const address = formatAddress("mail", someLabel(98));
  introductions.push({ ...introduction, state: "offered" });
  expect(refusal(address)).toMatchObject({ code: 550, enhanced: "5.7.1" });
  expect(refusal(address).message).toMatch(/^[ -~]{20,200}$/);
  expect(refusal(address).message).toContain("postern introduce --accept friend-abcd");
  introductions.splice(0, 1, { ...introduction, state: "accepted" });
  expect(refusal(address)).toMatchObject({ code: 450, enhanced: "4.2.1" });
  introductions.splice(0);
});

test("every refusal is one line of ASCII that says what to do", () => {
  const addresses = ["pending", "frozen", "revoked", "nobody"].map((name) => `${name}@postern.alt`);
  for (const address of [...addresses, "ann@example.org", "ann"])
    expect(refusal(address).message).toMatch(/^[ -~]{20,200}$/);
});
