import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { MessageSummary } from "../../maildir/message.ts";
import { rebuildIndex } from "../../maildir/rebuild.ts";
import { box, inHome, mail, pieces } from "../maildir/home.ts";

const LETTERS = 10_000;
const AT_A_TIME = 500;

test(
  `the index of ${LETTERS} letters is made anew from their files; how long it takes is printed`,
  inHome(async (home) => {
    const before = await home.open();
    const inbox = box(before, "INBOX");
    const body = "A line of text of a letter of some 8 KB.\r\n".repeat(190);
    for (let start = 0; start < LETTERS; start += AT_A_TIME)
      await inbox.append(
        Array.from({ length: AT_A_TIME }, (_, index) => ({
          content: pieces(mail(`letter ${start + index}`, body)),
          flags: index % 3 === 0 ? ["\\Seen"] : [],
          internalDate: 1_700_000_000_000 + (start + index) * 1_000,
        })),
      );
    const summary = ({ flags, internalDate, size, emailId }: MessageSummary) => ({
      flags,
      internalDate,
      size,
      emailId,
    });
    const expected = [...inbox.summaries(inbox.uids())].map(summary);
    await before.close();
    home.db.close();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(home.path, `state.db${suffix}`), { force: true });

    const db = home.openDatabase();
    const started = performance.now();
    const { vaultKey, path } = home;
    const rebuilt = await rebuildIndex({ db, home: path, vaultKey, now: home.clock.now() });
    console.log(`${LETTERS} letters in ${Math.round(performance.now() - started)} ms`);
    db.close();
    expect(rebuilt).toMatchObject({ letters: LETTERS, unreadable: [], renamed: [] });
    const after = await home.open();
    const again = box(after, "INBOX");
    expect([...again.summaries(again.uids())].map(summary)).toEqual(expected);
    await after.close();
  }),
);
