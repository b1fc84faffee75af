import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { systemClock } from "../../../foundation/clock.ts";
import { silentLogger } from "../../../foundation/logger.ts";
import { LegacyGateway } from "../../../legacy-gateway/gateway.ts";
import { readLegacyLetter } from "../../../legacy-gateway/incoming/incoming-letter.ts";
import { releaseLetter } from "../../../legacy-gateway/incoming/release-letter.ts";
import type { Maildir } from "../../../maildir/store.ts";
import { append, box, flagsOf, read, TestHome } from "../../maildir/home.ts";
import { PASSWORD, SomeProvider } from "../some-provider.ts";

let provider: SomeProvider;
let home: TestHome;
let mail: Maildir;
let gateway: LegacyGateway;
let readings: number;

beforeEach(async () => {
  readings = 0;
  provider = await SomeProvider.start();
  home = new TestHome();
  mail = await home.open();
  gateway = new LegacyGateway({
    db: home.db,
    mail,
    clock: systemClock,
    logger: silentLogger,
    notify: () => undefined,
    report: async (_report, settle) => settle(),
    retryDelays: [20],
    read: async (letter) => {
      readings += 1;
      const stored = await readLegacyLetter(letter);
      const pieces: Uint8Array[] = [];
      for await (const piece of stored.content) pieces.push(piece);
      const text = Buffer.concat(pieces);
      const content = (async function* () {
        yield text;
      })();
      return { ...stored, content, isHere: text.includes("twin") };
    },
  });
});
afterEach(async () => {
  await gateway.close();
  await mail.close();
  home.remove();
  await provider.stop();
});

const letter = (subject: string) =>
  `From: bob@friend.example\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x>\r\n\r\nhello\r\n`;

async function until(holds: () => boolean | undefined): Promise<void> {
  const end = performance.now() + 25_000;
  while (holds() !== true) {
    if (performance.now() > end) throw new Error(`never; ${JSON.stringify(gateway.standings())}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a letter that another road brought is not stored, nor asked for again, and one that is released stays at its provider", async () => {
  const there = box(provider.mail, "INBOX");
  for (const subject of ["one", "twin", "three"]) await append(there, letter(subject));
  gateway.start();
  await gateway.add(provider.settings, PASSWORD);
  const here = box(mail, "INBOX");
  await until(() => gateway.standings()[0]?.incoming.state.kind === "watching" && here.uids().length === 2);
  expect(readings).toBe(3);
  const subjects = await Promise.all(
    here.uids().map(async (uid) => /Subject: (.*)\r/.exec((await read(here, uid)).toString())?.[1] ?? ""),
  );
  expect(subjects.toSorted()).toEqual(["one", "three"]);
  const uidOf = (subject: string) => here.uids()[subjects.indexOf(subject)] ?? 0;
  const [one, three] = [uidOf("one"), uidOf("three")];

  releaseLetter(home.db, here.id, one);
  await here.expunge([one]);
  // What is told after it has reached the provider, and the letter is there still.
  await here.changeFlags([three], "add", ["\\Flagged"]);
  await until(() => there.uids().some((uid) => flagsOf(there, uid)?.includes("\\Flagged")));
  expect(there.uids()).toHaveLength(3);
  await gateway.pause(provider.settings.address);
  gateway.resume(provider.settings.address);
  await until(() => gateway.standings()[0]?.incoming.state.kind === "watching");
  expect([readings, here.uids()]).toEqual([3, [three]]);
});
