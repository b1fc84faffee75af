import { expect, test } from "@jest/globals";
import { viewContact } from "../../../bridge/operations/contact-operations.ts";
import { upgradeOperations } from "../../../bridge/upgrade/upgrade-operations.ts";
import { correspondents } from "./correspondents.ts";

const ANN = "ann@old.example";
const BOB = "bob@friend.example";
const INVITATION = /^Postern-Invitation:((?: [^\r\n]*\r\n)+)/m;

const { person } = correspondents();

/** The link in a letter's header. */
function linkIn(letter: string): string | undefined {
  return INVITATION.exec(letter)?.[1]?.replace(/\s/g, "");
}

/** A letter with another link in it. */
function swapped(letter: string, link: string): string {
  return letter.replace(INVITATION, `Postern-Invitation: ${link.match(/.{1,70}/g)?.join("\r\n ")}\r\n`);
}

test("nobody is invited before the user says so, and in the clear only where that is said too", async () => {
  const ann = await person(ANN);
  const operations = upgradeOperations(() => ann);
  ann.keys.policies.confirmPlain(BOB);
  const send = async () => {
    await ann.submit([BOB], "hello", "good morning");
    return (await ann.post())[0] ?? "";
  };
  expect(linkIn(await send())).toBeUndefined();
  await operations.gatewayUpgrade({ invite: true });
  expect(linkIn(await send())).toBeUndefined();
  await expect(operations.gatewayUpgrade({ invite: true, inTheClear: true })).rejects.toMatchObject({
    code: "invalid",
  });
  await operations.gatewayUpgrade({ invite: true, address: BOB, inTheClear: true });
  const first = linkIn(await send());
  expect(first).toMatch(/^postern:[\w-]{150,}$/);
  expect(linkIn(await send())).toBe(first);
  expect(ann.overlay.pendingInvites()).toMatchObject([{ name: "bob", direction: "made" }]);
  // What is made for one is not shown to two.
  ann.keys.policies.confirmPlain("carol@friend.example");
  await ann.submit([BOB, "carol@friend.example"], "hello", "both of you");
  expect(linkIn((await ann.post())[0] ?? "")).toBeUndefined();
  await operations.gatewayUpgrade({ invite: false, address: BOB });
  expect(linkIn(await send())).toBeUndefined();
});

test("an encrypted letter carries it inside, it is accepted, and mail to the old address moves with its thread", async () => {
  const [ann, bob] = [await person(ANN), await person(BOB)];
  await ann.exchangeKeys(bob);
  await upgradeOperations(() => ann).gatewayUpgrade({ invite: true });
  await ann.submit([BOB], "lanterns", "where shall we meet");
  const [letter = "", ...more] = await ann.post();
  expect(more).toEqual([]);
  expect(letter).toContain("multipart/encrypted");
  expect(linkIn(letter)).toBeUndefined();
  await bob.fetch([letter]);

  const shown = await bob.letter("where shall we meet");
  expect(shown.text).not.toContain("Postern-Invitation");
  // The letter as it came is attached, octet for octet.
  const original =
    /encrypted-original\.eml"\r\n[\s\S]*?base64\r\n\r\n([\s\S]*?)\r\n--postern/.exec(shown.text)?.[1] ?? "";
  expect(Buffer.from(original, "base64").toString("latin1")).toBe(letter);
  const offer = await bob.letter("carries an invitation");
  expect(offer.text).toContain(`A letter from ${ANN}`);
  expect(offer.text).toContain("encrypted and signed by the OpenPGP key that you know");
  expect(offer.text).toContain(`accept ${ANN} as ann`);
  expect(bob.contacts.list()).toEqual([]);

  // As the notice says, by mail.
  await bob.submit(["postern@postern.alt"], `accept ${ANN} as ann`, "");
  const [annMoved, bobMoved] = [
    await ann.letter("has moved to the overlay"),
    await bob.letter("has moved to the overlay"),
  ];
  expect(ann.contacts.list()).toMatchObject([{ petname: "bob", state: "invited" }]);
  expect(bob.contacts.list()).toMatchObject([{ petname: "ann", state: "invited" }]);
  const phrase = ann.overlay.safetyPhrase(bob.account.label) ?? "none";
  expect([annMoved.text.includes(phrase), bobMoved.text.includes(phrase)]).toEqual([true, true]);
  const [contact] = ann.contacts.list();
  expect(contact && viewContact(contact, ann).oldAddresses).toEqual([BOB]);

  // Reply in the old thread; that nothing goes there by e-mail changes nothing.
  bob.keys.policies.set(ANN, "overlay-only");
  const id = /^Message-ID: (<.*>)/m.exec(shown.text)?.[1] ?? "";
  expect(id).toMatch(/@old\.example>$/);
  await bob.submit([ANN], "Re: lanterns", "at the postern", `In-Reply-To: ${id}\r\nReferences: ${id}\r\n`);
  const reply = await ann.letter("at the postern");
  expect(reply.text).toContain(`In-Reply-To: ${id}\r\n`);
  expect(reply.text).toContain("x-postern=pass");
  expect(reply.flags).toEqual([]);
  const replyId = /^Message-ID: (<.*>)/m.exec(reply.text)?.[1] ?? "";
  await ann.submit(
    [BOB],
    "Re: lanterns",
    "so be it",
    `In-Reply-To: ${replyId}\r\nReferences: ${id}\r\n ${replyId}\r\n`,
  );
  expect((await bob.letter("so be it")).text).toMatch(new RegExp(`References: ${id}\r\n ${replyId}\r\n`));
  const sent = await ann.letter("so be it", "Sent");
  expect([sent.text.includes(`\r\nTo: ${BOB}`), sent.flags]).toEqual([true, ["\\Seen"]]);
  expect(sent.text).toContain(`X-Postern-Road: overlay; to=${bob.account.address}\r\n`);
  expect([await ann.post(), await bob.post()]).toEqual([[], []]);
}, 60_000);

test("who has moved is marked where a letter of theirs comes by the old road; the user can go back", async () => {
  const [ann, bob] = [await person(ANN), await person(BOB)];
  await ann.exchangeKeys(bob);
  await upgradeOperations(() => ann).gatewayUpgrade({ invite: true });
  await ann.submit([BOB], "first", "first words");
  const posted = await ann.post();
  // On its way while the two meet: it goes by the old road, once.
  await ann.submit([BOB], "second", "second words");
  await bob.fetch(posted);
  const operations = upgradeOperations(() => bob);
  expect(await operations.gatewayUpgradeAccept({ which: ANN })).toMatchObject({ petname: "ann", state: "joining" });
  await Promise.all([ann.letter("has moved"), bob.letter("has moved")]);
  await bob.fetch(await ann.post());
  const late = await bob.letter("second words");
  expect(late.flags).toContain("$OldRoad");
  expect(late.text).toMatch(/x-old-road=policy \(.*\)\r\n header\.from=ann@old\.example\r\n policy\.contact=invited/);
  expect(await bob.count("second words")).toBe(1);
  expect((await bob.letter("first words")).flags).not.toContain("$OldRoad");

  expect(await operations.gatewayUpgradeBack({ address: ANN })).toEqual({ address: ANN, petname: "ann" });
  await bob.submit([ANN], "by e-mail", "again as before");
  const [byMail = ""] = await bob.post();
  expect(byMail).toContain("multipart/encrypted");
  // What went over the overlay is not for providers to read now, unless the user says so for the address.
  for (const one of [ann, bob]) one.keys.policies.confirmPlain(one === ann ? BOB : ANN);
  const carol = "carol@friend.example";
  bob.keys.policies.confirmPlain(carol);
  await expect(bob.submit([ANN, carol], "to both", "in the clear?")).rejects.toMatchObject({ code: 550 });
  bob.keys.policies.set(ANN, "overlay-only");
  await expect(bob.submit([ANN], "again", "not by e-mail")).rejects.toMatchObject({ code: 550 });
  // The contact goes, and with it the other side's alias.
  await ann.overlay.removeContact(bob.account.label);
  ann.contacts.remove(bob.account.label);
  expect(ann.upgrades.stores.aliases.list()).toEqual([]);
  await ann.submit([BOB], "by e-mail too", "as before");
  const [letter = ""] = await ann.post();
  expect(letter).toContain("multipart/encrypted");
  await bob.fetch([letter]);
  expect(await bob.count("carries an invitation")).toBe(1);
}, 60_000);

test("a provider that swaps the invitation becomes nobody unnoticed", async () => {
  const [ann, bob, mallory] = [await person(ANN), await person(BOB), await person("mallory@friend.example")];
  for (const [one, other] of [
    [ann, BOB],
    [bob, ANN],
  ] as const)
    one.keys.policies.confirmPlain(other);
  await upgradeOperations(() => ann).gatewayUpgrade({ invite: true, address: BOB, inTheClear: true });
  await ann.submit([BOB], "hello", "in the clear");
  const [letter = ""] = await ann.post();
  // Mallory takes Ann's invitation, and puts an own one in its place.
  await mallory.overlay.acceptInvite(linkIn(letter) ?? "", "ann");
  const { link } = await mallory.overlay.createInvite({ expiresAt: Date.now() + 3_600_000 });
  await bob.fetch([swapped(letter, link)]);

  const offer = await bob.letter("carries an invitation");
  expect(offer.text).toContain("It came in the clear. From is easily forged");
  const asked = await ann.letter("wants to be your contact");
  expect(asked.text).toContain(`letters to ${BOB}. It went in the clear`);
  // Nobody is anybody's contact, and mail goes as before, until the user decides.
  expect([ann.contacts.list(), bob.contacts.list()]).toEqual([[], []]);
  await ann.submit([BOB], "hello", "still by e-mail");
  expect(await ann.post()).toHaveLength(1);

  // Both trust it all the same: each sees words that the other does not have.
  await ann.overlay.approveInvite(ann.overlay.pendingInvites()[0]?.id ?? "");
  await upgradeOperations(() => bob).gatewayUpgradeAccept({ which: ANN });
  const [hers, his] = [await ann.letter("has moved"), await bob.letter("has moved")];
  const words = ({ text }: { text: string }) => /^ {2}([a-z]+ [a-z]+ [a-z]+ [a-z]+)\r$/m.exec(text)?.[1];
  expect(words(hers)).toBeDefined();
  expect(words(his)).toBeDefined();
  expect(words(hers)).not.toBe(words(his));
  expect(hers.text).toContain("whoever read one first may have accepted it");
  for (const who of [ann, bob]) expect(who.contacts.list()).toMatchObject([{ state: "invited" }]);
  // Bob's own invitation, when it comes, is told as another one and changes nothing.
  const real = await bob.overlay.createInvite({ expiresAt: Date.now() + 3_600_000 });
  await ann.fetch([swapped(letter.replace(ANN, BOB), real.link)]);
  const warned = await ann.letter("not from bob");
  expect(warned.text).toContain("Nothing has changed.");
  expect(ann.upgrades.stores.aliases.moved(BOB)).toBe(mallory.account.label);
  await expect(upgradeOperations(() => ann).gatewayUpgradeAccept({ which: BOB })).rejects.toMatchObject({
    code: "forbidden",
  });
}, 60_000);

test("one letter that comes by both roads is shown once, as the overlay brought it, whichever comes first", async () => {
  const [ann, bob] = [await person(ANN), await person(BOB)];
  const OTHER = "robert@third.example";
  await ann.exchangeKeys(bob);
  ann.keys.policies.confirmPlain(OTHER);
  await upgradeOperations(() => ann).gatewayUpgrade({ invite: true, address: BOB });
  for (const one of [ann, bob]) one.upgrades.stores.consents.set("encrypted");
  await bob.submit([ANN], "come over", "an invitation is in here");
  await ann.fetch(await bob.post());
  await ann.letter("carries an invitation");
  await upgradeOperations(() => ann).gatewayUpgradeAccept({ which: BOB });
  await Promise.all([ann.letter("has moved"), bob.letter("has moved")]);
  // Ann's address is an alias at Bob's; Bob's second address is not known to Ann as his.
  await ann.submit([BOB, OTHER], "twice", "by the overlay first");
  await bob.letter("by the overlay first");
  await bob.fetch(await ann.post());
  expect(
    await bob.filed().then((all) => all.filter(({ text }) => text.includes("by the overlay first"))),
  ).toMatchObject([{ flags: [] }]);

  bob.overlay.freezeContact(ann.account.label);
  await ann.submit([BOB, OTHER], "twice more", "by e-mail first");
  const [copy = ""] = await ann.post();
  await bob.fetch([copy]);
  expect((await bob.letter("by e-mail first")).flags).toContain("$OldRoad");
  // Another letter under the same id is another letter.
  await bob.fetch([copy.replace("by e-mail first", "somebody's words")]);
  bob.overlay.unfreezeContact(ann.account.label);
  await bob.until(() => bob.overlay.status().connected);
  for (;;) {
    const found = (await bob.filed()).filter(({ text }) => text.includes("by e-mail first"));
    if (found.length === 1 && found[0]?.text.includes("x-postern=pass") === true) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await bob.count("somebody's words")).toBe(1);
}, 60_000);

test("a thousand letters with invitations make one notice for each address, lists and one's own none", async () => {
  const [ann, bob] = [await person(ANN), await person(BOB)];
  const { link } = await bob.overlay.createInvite({ expiresAt: Date.now() + 3_600_000 });
  const plain = (from: string, header = "") =>
    `From: ${from}\r\nTo: ${ANN}\r\nSubject: x\r\n${header}Postern-Invitation: ${link}\r\n\r\nhello\r\n`;
  const read = async (letter: string, folder?: "\\Junk") => {
    const content = (async function* () {
      yield Buffer.from(letter);
    })();
    const { content: shown } = await ann.keys.read({ account: ANN, content, ...(folder && { folder }) });
    const pieces: Uint8Array[] = [];
    for await (const piece of shown) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  };
  for (let letters = 0; letters < 1_000; letters++) expect(await read(plain(BOB))).not.toContain("Postern-Invitation");
  await ann.letter(`A letter from ${BOB}`);
  await read(plain("list@friend.example", "List-Id: <list.friend.example>\r\n"));
  await read(plain("robot@friend.example", "Auto-Submitted: auto-generated\r\n"));
  await read(plain("junk@friend.example"), "\\Junk");
  await read(plain(ANN));
  await read(plain("two@friend.example", `Postern-Invitation: ${link}\r\n`));
  await read(plain("bad@friend.example").replace(link, "postern:bm90aGluZw"));
  expect(ann.upgrades.stores.offers.list()).toMatchObject([{ address: BOB, came: "clear", state: "open" }]);
  expect(await ann.filed()).toHaveLength(1);
  // Only so many are told in a day.
  for (let sender = 0; sender < 20; sender++) await read(plain(`sender${sender}@friend.example`));
  await ann.until(() => ann.upgrades.stores.offers.untold(Date.now()) === undefined);
  expect(ann.upgrades.stores.offers.list()).toHaveLength(21);
  expect((await ann.filed()).length).toBeLessThanOrEqual(10);
}, 60_000);
