import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Transporter } from "nodemailer";
import { fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import { TwoPeople } from "../end-to-end/two-people.ts";
import { times } from "./thorough.ts";

const KILLS = times(200);
const CONNECTIONS = 4;

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

  const submit = async (smtp: Transporter): Promise<void> => {
    const id = `letter-${number++}`;
    tried.add(id);
    const noise = randomBytes(Math.floor(Math.random() * 30_000)).toString("base64");
    const raw = formatLetter(
      { From: alice.account.address, To: "bob@postern.alt", Subject: id, "Message-ID": `<${id}@laptop.local>` },
      `${id}\r\n${noise.replace(/(.{76})/g, "$1\r\n")}\r\n`,
    );
    await sendRaw(smtp, { from: alice.account.address, to: "bob@postern.alt" }, raw);
    acknowledged.add(id);
  };

  for (let kill = 0; kill < KILLS; kill++) {
    const smtp = alice.smtp(CONNECTIONS);
    // Connections are up and busy before the clock starts; a submission that the kill interrupts rejects.
    await submit(smtp);
    const deadline = performance.now() + Math.random() * 120;
    const submitting = Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < deadline) await submit(smtp);
    });
    const killing = (async () => {
      while (performance.now() < deadline) await setImmediate();
      await alice.stop("SIGKILL");
    })();
    await Promise.allSettled([...submitting, killing]);
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
  expect(acknowledged.size).toBeGreaterThan(KILLS);
  expect([...acknowledged].filter((id) => counts.get(id) !== 1)).toEqual([]);
  expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
  expect([...counts.keys()].filter((subject) => subject !== "the last" && !tried.has(subject))).toEqual([]);
  console.log(`${acknowledged.size} letters acknowledged of ${tried.size} tried, ${arrived.length} arrived`);
}, 900_000);
