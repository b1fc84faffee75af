import { expect, test } from "@jest/globals";
import type { MaildirMailbox } from "../../maildir/store.ts";
import { append, box, inHome, mail, pieces, type TestHome } from "./home.ts";

const ROWS = { rowsPerTransaction: 10 };
const MANY = 25;
const SLICES = [10, 10, 5];

function appendMany(mailbox: MaildirMailbox, count = MANY): Promise<readonly number[]> {
  return mailbox.append(Array.from({ length: count }, (_, i) => ({ content: pieces(mail(`${i}`)), flags: [] })));
}

/** How many messages each change of that kind spoke of. */
function watchSizes(
  mailbox: MaildirMailbox,
  wanted: "added" | "expunged" | "flags",
  onChange?: (sizes: number[]) => void,
) {
  const sizes: number[] = [];
  mailbox.watch((change) => {
    if (change.kind !== wanted) return;
    sizes.push(change.uids.length);
    onChange?.(sizes);
  });
  return sizes;
}

const killed = new WeakSet<object>();

/** Nothing more is written by whoever has the home open now, as if the program was killed. */
function stop({ db }: TestHome): void {
  killed.add(db);
  db.commit = () => new Promise(() => undefined);
  db.transactionUnsynced = () => {
    throw new Error("killed");
  };
}

async function stopped({ db }: TestHome): Promise<void> {
  while (!killed.has(db)) await new Promise((resolve) => setImmediate(resolve));
}

const rowsOf = ({ db }: TestHome, table: string): unknown =>
  db.sqlite.prepare(`SELECT COUNT(*) FROM maildir_${table}`).pluck().get();

test(
  "many messages go in several transactions, between which others write",
  inHome(async (home) => {
    const maildir = await home.open(ROWS);
    const [inbox, drafts] = [box(maildir, "INBOX"), box(maildir, "Drafts")];
    await appendMany(inbox);
    const order: string[] = [];
    let other: Promise<number> | undefined;
    drafts.watch(({ kind }) => kind === "added" && order.push("other"));
    const sizes = watchSizes(inbox, "expunged", () => {
      order.push("expunged");
      other ??= home.db.commit(() => home.db.afterCommit(() => order.push("other"))).then(() => 0);
    });
    expect(await inbox.expunge(inbox.uids())).toHaveLength(MANY);
    await other;
    expect(sizes).toEqual([20, 5]);
    expect(order.indexOf("other")).toBeLessThan(order.lastIndexOf("expunged"));
    expect(inbox.status().messages).toBe(0);
  }),
);

test(
  "flags of many change in several transactions, and each message whole",
  inHome(async (home) => {
    const inbox = box(await home.open(ROWS), "INBOX");
    const uids = await appendMany(inbox);
    const { modSeq } = await inbox.changeFlags([3], "add", ["\\Seen"]);
    const sizes = watchSizes(inbox, "flags");
    const result = await inbox.changeFlags(uids, "add", ["\\Flagged"], { unchangedSince: modSeq - 1 });
    expect(result.conflicts).toEqual([3]);
    expect(result.changed).toHaveLength(MANY - 1);
    expect(sizes).toEqual([9, 10, 5]);
    expect(result.modSeq).toBe(inbox.status().highestModSeq);
  }),
);

test(
  "a MOVE of many takes each message in one transaction out of one mailbox and into the other",
  inHome(async (home) => {
    const maildir = await home.open(ROWS);
    const [inbox, archive] = [box(maildir, "INBOX"), box(maildir, "Archive")];
    const uids = await appendMany(inbox);
    const together: number[] = [];
    const count = home.db.sqlite.prepare("SELECT COUNT(*) FROM maildir_message").pluck();
    archive.watch(() => together.push(count.get() as number));
    const moved = await inbox.move(uids, archive);
    expect(moved.uids).toEqual(uids.map((uid) => [uid, uid]));
    expect(together).toEqual(SLICES.map(() => MANY));
    expect([inbox.status().messages, archive.status().messages]).toEqual([0, MANY]);
  }),
);

test(
  "a COPY of many that does not fit leaves nothing behind, neither rows nor files",
  inHome(async (home) => {
    const first = await home.open(ROWS);
    await appendMany(box(first, "INBOX"));
    const { usage } = await first.quota();
    await first.close();
    const maildir = await home.open({ ...ROWS, quota: Math.floor(usage * 1.9) });
    const [inbox, archive] = [box(maildir, "INBOX"), box(maildir, "Archive")];
    const sizes = watchSizes(archive, "added");
    await expect(inbox.copy(inbox.uids(), archive)).rejects.toMatchObject({ code: "full" });
    expect(sizes).toEqual(SLICES.slice(0, 2));
    expect(archive.uids()).toEqual([]);
    expect((await maildir.quota()).usage).toBe(usage);
    expect(rowsOf(home, "unfinished")).toBe(0);
    await maildir.close();
    expect(home.messageFiles()).toHaveLength(MANY);
  }),
);

test(
  "what a crash left of a COPY and of a MULTIAPPEND is taken out at the next start; what came meanwhile stays",
  inHome(async (home) => {
    let maildir = await home.open(ROWS);
    await appendMany(box(maildir, "INBOX"));
    for (const work of ["copy", "append"] as const) {
      const [inbox, archive] = [box(maildir, "INBOX"), box(maildir, "Archive")];
      const staged = await maildir.stage(pieces(mail(work)), { mailboxId: archive.id });
      watchSizes(archive, "added", ({ length }) => {
        if (length === 1) maildir.insert(archive.id, staged, { flags: [] });
        if (length === 3) stop(home);
      });
      const working = work === "copy" ? inbox.copy(inbox.uids(), archive) : appendMany(archive);
      await stopped(home);
      void working;
      maildir = await home.open(ROWS);
      expect(rowsOf(home, "unfinished")).toBe(0);
    }
    const archive = box(maildir, "Archive");
    const subjects = archive.headers(archive.uids()).map((header) => /Subject: (.*)\r\n/.exec(String(header))?.[1]);
    expect(subjects).toEqual(["copy", "append"]);
    await maildir.close();
    expect(home.messageFiles()).toHaveLength(MANY + 2);
  }),
);

test(
  "the rows of a removed mailbox go after it did, and a crash in between does not keep them",
  inHome(async (home) => {
    const maildir = await home.open(ROWS);
    await append(box(maildir, "INBOX"), mail("stays"));
    const big = await maildir.create("Big");
    await appendMany(big);
    big.watch(({ kind }) => kind === "removed" && stop(home));
    void maildir.remove("Big");
    await stopped(home);
    expect(rowsOf(home, "message")).toBe(MANY + 1);
    const again = await home.open(ROWS);
    expect(again.mailbox("Big")).toBeUndefined();
    while (rowsOf(home, "message") !== 1) await new Promise((resolve) => setImmediate(resolve));
    expect(rowsOf(home, "content")).toBe(1);
    await again.close();
    expect(home.messageFiles()).toHaveLength(1);
  }),
);

test(
  "a large mailbox is read into memory in turns, and changes in between are not missed",
  inHome(async (home) => {
    const first = await home.open(ROWS);
    const inbox = box(first, "INBOX");
    for (let copies = 0; copies < 2; copies++) await inbox.copy(await appendMany(inbox), inbox);
    await first.close();
    const maildir = await home.open(ROWS);
    const again = box(maildir, "INBOX");
    let turns = 0;
    let reading = true;
    const others = (async () => {
      while (reading) {
        await new Promise((resolve) => setImmediate(resolve));
        if (++turns === 1) await again.changeFlags([1, 4 * MANY], "add", ["\\Flagged"]);
      }
    })();
    await again.ready();
    reading = false;
    await others;
    expect(turns).toBeGreaterThan(0);
    expect(again.uids()).toHaveLength(4 * MANY);
    expect([...again.summaries([1, 4 * MANY])].map(({ flags }) => flags)).toEqual([["\\Flagged"], ["\\Flagged"]]);
  }),
);
