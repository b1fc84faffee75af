import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { KEPT_PIECE } from "../../maildir/limits.ts";
import type { MaildirMailbox } from "../../maildir/store.ts";
import { box, inHome, type TestHome } from "./home.ts";

const pieces = ({ db }: TestHome): number =>
  Number(db.sqlite.prepare("SELECT COUNT(*) FROM maildir_kept").pluck().get());

/** As jest compares them, so many would take minutes. */
const holds = async (mailbox: MaildirMailbox, octets: Uint8Array): Promise<boolean> =>
  Buffer.from((await mailbox.kept()) ?? []).equals(octets);

test(
  "octets that a mailbox keeps are there after a restart, and go with it",
  inHome(async (home) => {
    const maildir = await home.open();
    const work = await maildir.create("Work");
    expect(await work.kept()).toBeUndefined();
    const [old, octets] = [randomBytes(3 * KEPT_PIECE), new Uint8Array(randomBytes(2 * KEPT_PIECE + 1))];
    await work.keep(old);
    await work.keep(octets);
    expect(await holds(work, octets)).toBe(true);
    expect(await box(maildir, "INBOX").kept()).toBeUndefined();
    await maildir.close();
    const again = await home.open();
    expect(await holds(box(again, "Work"), octets)).toBe(true);
    expect(pieces(home)).toBe(3);
    await again.remove("Work");
    for (let turn = 0; turn < 1_000 && pieces(home) > 0; turn++) await setImmediate();
    expect(pieces(home)).toBe(0);
  }),
);

test(
  "while octets are written there are none, and others that come meanwhile are passed over",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    const octets = new Uint8Array(randomBytes(2 * KEPT_PIECE));
    const first = inbox.keep(octets);
    expect(await inbox.kept()).toBeUndefined();
    await inbox.keep(new Uint8Array(1));
    expect(await inbox.kept()).toBeUndefined();
    await first;
    expect(await holds(inbox, octets)).toBe(true);
  }),
);
