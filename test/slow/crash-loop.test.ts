import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import { TwoPeople } from "../end-to-end/two-people.ts";

const KILLS = 200;

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

test(`a sending bridge killed ${KILLS} times at random moments: what got its 250 arrives once, nothing arrives twice`, async () => {
  const { alice, bob } = people;
  const acknowledged = new Set<string>();
  const tried = new Set<string>();
  let number = 0;

  for (let kill = 0; kill < KILLS; kill++) {
    const smtp = alice.smtp(4);
    const deadline = performance.now() + 5 + Math.random() * 250;
    const submitting = Array.from({ length: 4 }, async () => {
      while (performance.now() < deadline) {
        const id = `letter-${number++}`;
        tried.add(id);
        const raw = formatLetter(
          {
            From: alice.account.address,
            To: "bob@postern.alt",
            Subject: id,
            "Message-ID": `<${id}.${randomBytes(6).toString("hex")}@x>`,
          },
          `${id}\r\n${randomBytes(Math.floor(Math.random() * 30_000))
            .toString("base64")
            .replace(/(.{76})/g, "$1\r\n")}\r\n`,
        );
        try {
          await sendRaw(smtp, { from: alice.account.address, to: "bob@postern.alt" }, raw);
          acknowledged.add(id);
        } catch {
          return;
        }
      }
    });
    const killing = (async () => {
      while (performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
      await alice.stop("SIGKILL");
    })();
    await Promise.all([...submitting, killing]);
    smtp.close();
    await alice.start();
  }

  const reader = await bob.imap();
  await untilMessages(reader, acknowledged.size, 120_000);
  // What was on disk without its 250 may still come; a last letter follows everything that waits.
  const smtp = alice.smtp();
  await sendRaw(
    smtp,
    { from: alice.account.address, to: "bob@postern.alt" },
    formatLetter({ From: alice.account.address, Subject: "the last" }, "x\r\n"),
  );
  smtp.close();
  let arrived: string[] = [];
  for (let tries = 0; !arrived.includes("the last") && tries < 200; tries++)
    arrived = [...(await fetchAll(reader)).values()].map(
      (message) => /^Subject: (.*?)\r?$/m.exec(headerOf(message))?.[1] ?? "",
    );
  await reader.logout();

  const counts = new Map<string, number>();
  for (const subject of arrived) counts.set(subject, (counts.get(subject) ?? 0) + 1);
  expect([...acknowledged].filter((id) => counts.get(id) !== 1)).toEqual([]);
  expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
  expect([...counts.keys()].filter((subject) => subject !== "the last" && !tried.has(subject))).toEqual([]);
  console.log(`${acknowledged.size} letters acknowledged of ${tried.size} tried, ${arrived.length} arrived`);
}, 900_000);
