import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fetchAll, formatLetter, headerOf, sendRaw } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { eventually } from "./eventually.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;
let carol: Person;

beforeAll(async () => {
  people = await TwoPeople.meet();
  carol = await Person.create("carol", people.scratch, people.relay.url);
  await carol.start();
  await people.alice.befriend(carol);
}, 240_000);

afterAll(async () => {
  await carol?.stop();
  await people?.part();
});

interface Introduction {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly coRecipient: boolean;
}

async function send(from: Person, to: string[], subject: string): Promise<string> {
  const smtp = from.smtp();
  const raw = formatLetter({ To: to.join(", "), Subject: subject }, "x\r\n");
  try {
    return await sendRaw(smtp, { from: from.account.address, to }, raw);
  } finally {
    smtp.close();
  }
}

async function letterIn(who: Person, text: string): Promise<string> {
  const client = await who.imap();
  try {
    const found = await eventually(async () =>
      [...(await fetchAll(client)).values()].map(String).find((letter) => letter.includes(text)),
    );
    return headerOf(Buffer.from(found)).replaceAll(/\r\n[ \t]+/g, " ");
  } finally {
    await client.logout();
  }
}

const introduced = (who: Person) =>
  eventually(
    async () => (await who.command<{ introductions: Introduction[] }>("introduce", "--list")).introductions[0],
  );

test("two who got the same letter and accept each other can answer to all; before that, the refusal says what accepts", async () => {
  const { alice, bob } = people;
  await send(alice, ["bob@postern.alt", "carol@postern.alt"], "to both of you");
  const to = /^To: (.*)$/im.exec(await letterIn(bob, "to both of you"))?.[1]?.split(/,\s*/) ?? [];
  const [offer, other] = [await introduced(bob), await introduced(carol)];
  expect(offer).toMatchObject({ address: carol.account.address, coRecipient: true });
  // Alice's name for her is not told.
  expect(offer.name).toMatch(/^friend-[a-z2-7]{4}$/);
  expect(to.join(" ")).toContain(carol.account.address);

  await expect(send(bob, [carol.account.address], "too early")).rejects.toMatchObject({
    responseCode: 550,
    response: expect.stringContaining(`postern introduce --accept ${offer.name}`),
  });
  await bob.command("introduce", "--accept", offer.id, "--name", "carol");
  await expect(send(bob, [carol.account.address], "still early")).rejects.toMatchObject({ responseCode: 450 });
  await send(carol, ["postern@postern.alt"], `accept ${other.name} as bob`);
  const bobs = await eventually(async () => {
    const { contacts } = await bob.command<{ contacts: { petname: string; introducedBy?: string; phrase?: string }[] }>(
      "contacts",
    );
    return contacts.find(({ petname, phrase }) => petname === "carol" && phrase !== undefined);
  });
  expect(bobs).toMatchObject({ introducedBy: "alice" });

  await send(bob, ["alice@postern.alt", carol.account.address], "to all");
  expect(await letterIn(carol, "Subject: to all\r\n")).toContain(bob.account.address);
  await letterIn(alice, "Subject: to all\r\n");
  // Each pair once, ever.
  await send(alice, ["bob@postern.alt", "carol@postern.alt"], "once more");
  await letterIn(carol, "once more");
  expect(await bob.command("introduce", "--list")).toEqual({ introductions: [] });
}, 240_000);
