import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { MailboxIndex } from "../../maildir/mailbox-index.ts";
import type { FlagChange, MailboxChange } from "../../maildir/message.ts";
import { MessageIndex } from "../../maildir/message-index.ts";
import type { MaildirMailbox } from "../../maildir/store.ts";
import { append, box, flagsOf, inHome, mail, pieces, read } from "./home.ts";

/** What a mail program knows of a mailbox; `sync` learns the rest as QRESYNC does. */
class Client {
  readonly #mailbox: MaildirMailbox;
  readonly known = new Map<number, string>();
  #modSeq = 0;
  #uidNext = 1;

  constructor(mailbox: MaildirMailbox) {
    this.#mailbox = mailbox;
  }

  sync(): void {
    for (const uid of this.#mailbox.expungedSince(this.#modSeq) ?? []) this.known.delete(uid);
    for (const { uid, flags, modSeq } of this.#mailbox.summaries(this.#mailbox.changedSince(this.#modSeq))) {
      expect(modSeq).toBeGreaterThan(this.#modSeq);
      if (!this.known.has(uid)) {
        expect(uid).toBeGreaterThanOrEqual(this.#uidNext);
        this.#uidNext = uid + 1;
      }
      this.known.set(uid, flags.join(" "));
    }
    this.#modSeq = this.#mailbox.status().highestModSeq;
  }
}

function stateOf(mailbox: MaildirMailbox): Map<number, string> {
  return new Map([...mailbox.summaries(mailbox.uids())].map(({ uid, flags }) => [uid, flags.join(" ")]));
}

const FLAGS = ["\\Seen", "\\Deleted", "\\Flagged", "$Work", "$work", "$Forwarded"];
const flagList = fc.subarray(FLAGS);
const uidList = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 5 });
const step = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), flags: flagList }),
  fc.record({
    kind: fc.constant("flags" as const),
    uids: uidList,
    change: fc.constantFrom<FlagChange>("add", "remove", "replace"),
    flags: flagList,
  }),
  fc.record({ kind: fc.constant("expunge" as const), uids: uidList }),
  fc.record({ kind: fc.constant("copy" as const), uids: uidList }),
  fc.record({ kind: fc.constant("move" as const), uids: uidList }),
  fc.record({ kind: fc.constant("move back" as const), uids: uidList }),
  fc.record({ kind: fc.constant("sync" as const) }),
);

test(
  "whatever happens, a client that asks for changes since its MODSEQ knows all of it, and the counts are right",
  inHome(async (home) => {
    const maildir = await home.open();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const [here, there] = [await maildir.create(`here${count}`), await maildir.create(`there${count++}`)];
        const clients = [new Client(here), new Client(there)] as const;
        let modSeq = 0;
        for (const one of steps) {
          if (one.kind === "append") await append(here, mail("x"), ...one.flags);
          else if (one.kind === "flags") await here.changeFlags(one.uids, one.change, one.flags);
          else if (one.kind === "expunge") await here.expunge(one.uids);
          else if (one.kind === "copy") await here.copy(one.uids, there);
          else if (one.kind === "move") await here.move(one.uids, there);
          else if (one.kind === "move back") await there.move(one.uids, here);
          else clients[0].sync();
          const status = here.status();
          expect(status.highestModSeq).toBeGreaterThanOrEqual(modSeq);
          modSeq = status.highestModSeq;
        }
        for (const [index, mailbox] of [here, there].entries()) {
          const client = clients[index];
          client?.sync();
          const state = stateOf(mailbox);
          expect(client?.known).toEqual(state);
          expect(mailbox.status()).toMatchObject({
            messages: state.size,
            unseen: [...state.values()].filter((flags) => !flags.includes("\\Seen")).length,
            deleted: [...state.values()].filter((flags) => flags.includes("\\Deleted")).length,
            size: state.size * mail("x").length,
            deletedSize: [...state.values()].filter((flags) => flags.includes("\\Deleted")).length * mail("x").length,
          });
          for (const uid of mailbox.uids()) expect((await read(mailbox, uid)).toString()).toBe(mail("x"));
        }
      }),
      { numRuns: 25 },
    );
  }),
);

test(
  "a command has one MODSEQ, and flags that do not change have none",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    for (let message = 0; message < 4; message++) await append(inbox, mail("x"));
    expect(await inbox.changeFlags([1, 2, 3, 99], "add", ["\\Seen"])).toEqual({
      changed: [1, 2, 3],
      conflicts: [],
      modSeq: 6,
    });
    expect(await inbox.changeFlags([1, 2, 4], "add", ["\\seen"])).toEqual({ changed: [4], conflicts: [], modSeq: 7 });
    expect(await inbox.changeFlags([1, 2], "add", ["\\Seen"])).toEqual({ changed: [], conflicts: [], modSeq: 7 });
    expect([...inbox.summaries([1, 2, 3, 4])].map(({ modSeq }) => modSeq)).toEqual([6, 6, 6, 7]);
    expect(await inbox.expunge([1, 2, 99])).toEqual([1, 2]);
    expect(inbox.status().highestModSeq).toBe(8);
    expect(inbox.expungedSince(7)).toEqual([1, 2]);
    expect(inbox.expungedSince(8)).toEqual([]);
    expect(await inbox.expunge([1])).toEqual([]);
    expect(inbox.status().highestModSeq).toBe(8);
  }),
);

test(
  "UNCHANGEDSINCE leaves alone what changed later and names it",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    for (let message = 0; message < 3; message++) await append(inbox, mail("x"));
    await inbox.changeFlags([2], "add", ["\\Flagged"]);
    const options = { unchangedSince: 4 };
    expect(await inbox.changeFlags([1, 2, 3], "add", ["\\Seen"], options)).toEqual({
      changed: [1, 3],
      conflicts: [2],
      modSeq: 6,
    });
    expect(flagsOf(inbox, 2)).toEqual(["\\Flagged"]);
    expect((await inbox.changeFlags([1, 2, 3], "add", ["\\Seen"], { unchangedSince: 0 })).conflicts).toEqual([1, 2, 3]);
  }),
);

test(
  "keywords are one regardless of case, as they were first spelt; flags that do not exist are refused",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    await append(inbox, mail("x"), "$Work", "\\Recent");
    await inbox.changeFlags([1], "add", ["$WORK", "later"]);
    expect(flagsOf(inbox, 1)).toEqual(["$Work", "later"]);
    await inbox.changeFlags([1], "remove", ["$work"]);
    expect(flagsOf(inbox, 1)).toEqual(["later"]);
    expect(inbox.keywords()).toEqual(["$Work", "later"]);
    await expect(inbox.changeFlags([1], "add", ["\\Important"])).rejects.toMatchObject({ code: "invalid" });
    await expect(append(inbox, mail("y"), "two words")).rejects.toMatchObject({ code: "invalid" });
    await expect(inbox.changeFlags([1], "add", ["x".repeat(300)])).rejects.toMatchObject({ code: "invalid" });
    expect(home.messageFiles()).toHaveLength(1);
  }),
);

test(
  "watchers hear of each change after it is durable, in order, with its origin",
  inHome(async (home) => {
    const maildir = await home.open();
    const [inbox, trash] = [box(maildir, "INBOX"), box(maildir, "Trash")];
    const events: [string, MailboxChange][] = [];
    const stop = inbox.watch((change) => {
      expect(home.db.sqlite.inTransaction).toBe(false);
      events.push(["INBOX", change]);
    });
    trash.watch((change) => events.push(["Trash", change]));
    const origin = { session: 1 };
    const one = () => ({ content: pieces(mail("x")), flags: [] });
    await inbox.append([one(), one(), one()], origin);
    await inbox.changeFlags([2], "add", ["\\Seen"], { origin });
    await inbox.copy([1], trash);
    await inbox.move([1, 2], trash, origin);
    await inbox.expunge([3]);
    stop();
    await append(inbox, mail("unheard"));
    await maildir.create("other");
    await maildir.remove("Trash");
    expect(events).toEqual([
      ["INBOX", { kind: "added", uids: [1, 2, 3], origin }],
      ["INBOX", { kind: "flags", uids: [2], modSeq: 3, origin }],
      ["Trash", { kind: "added", uids: [1] }],
      ["Trash", { kind: "added", uids: [2, 3], origin }],
      ["INBOX", { kind: "expunged", uids: [1, 2], modSeq: 4, origin }],
      ["INBOX", { kind: "expunged", uids: [3], modSeq: 5 }],
      ["Trash", { kind: "removed" }],
    ]);
    expect(events[0]?.[1]).toHaveProperty("origin", origin);
  }),
);

test(
  "a watcher that fails disturbs neither the change nor the others",
  inHome(async (home) => {
    const logged: string[] = [];
    const inbox = box(await home.open({ logger: (level) => logged.push(level) }), "INBOX");
    const heard: unknown[] = [];
    inbox.watch(() => {
      throw new Error("a bug");
    });
    inbox.watch((change) => heard.push(change));
    expect(await append(inbox, mail("x"))).toBe(1);
    expect([heard.length, logged]).toEqual([1, ["error"]]);
  }),
);

test(
  "copies and moves give old and new UIDs and keep flags, dates and octets",
  inHome(async (home) => {
    const maildir = await home.open();
    const [inbox, archive] = [box(maildir, "INBOX"), box(maildir, "Archive")];
    await append(archive, mail("there before"));
    for (const subject of ["a", "b", "c"])
      await inbox.append([{ content: pieces(mail(subject)), flags: ["\\Seen", "$Work"], internalDate: 777 }]);
    home.clock.advance(5_000);
    const copied = await inbox.copy([3, 1, 9], archive);
    expect(copied).toEqual({
      uidValidity: archive.uidValidity,
      uids: [
        [1, 2],
        [3, 3],
      ],
    });
    const moved = await inbox.move([1], archive);
    expect(moved.uids).toEqual([[1, 4]]);
    expect(inbox.uids()).toEqual([2, 3]);
    expect((await read(archive, 4)).toString()).toBe(mail("a"));
    expect([...archive.summaries([4])][0]).toMatchObject({
      flags: ["\\Seen", "$Work"],
      internalDate: 777,
      saveDate: home.clock.now(),
    });
    expect(archive.keywords()).toEqual(["$Work"]);
    await maildir.close();
    expect(home.messageFiles("/cur/")).toHaveLength(6);
    expect(home.messageFiles()).toHaveLength(6);
    await inbox.expunge(inbox.uids());
    expect((await read(archive, 3)).toString()).toBe(mail("c"));
    expect(archive.envelopes([3])[0]).toContain('"c"');
    expect(await archive.move([2], archive)).toEqual({ uidValidity: archive.uidValidity, uids: [[2, 5]] });
    expect(archive.uids()).toEqual([1, 3, 4, 5]);
  }),
);

test(
  "a message that is expunged while it is copied is left out",
  inHome(async (home) => {
    const maildir = await home.open();
    const [inbox, archive] = [box(maildir, "INBOX"), box(maildir, "Archive")];
    for (const subject of ["a", "b"]) await append(inbox, mail(subject));
    const copying = inbox.copy([1, 2], archive);
    await inbox.expunge([1]);
    const { uids } = await copying;
    expect(uids.map(([from]) => from)).toEqual(archive.uids().length === 2 ? [1, 2] : [2]);
    await maildir.close();
    expect(home.messageFiles()).toHaveLength(inbox.uids().length + archive.uids().length);
  }),
);

test(
  "a message is recent to the first who claims it",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await append(inbox, mail("a"));
    await append(inbox, mail("b"));
    expect(inbox.status().recent).toBe(2);
    expect(inbox.claimRecent()).toEqual([1, 2]);
    expect(inbox.claimRecent()).toEqual([]);
    await append(inbox, mail("c"));
    expect(inbox.status().recent).toBe(1);
    await maildir.close();
    const again = await home.open();
    expect(box(again, "INBOX").status().recent).toBe(1);
    expect(box(again, "INBOX").claimRecent()).toEqual([3]);
    await again.close();
    expect(box(await home.open(), "INBOX").status().recent).toBe(0);
  }),
);

test(
  "the last message of all that had a content takes its content along",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await append(inbox, mail("a"));
    await inbox.copy([1], inbox);
    const rows = () =>
      ["content", "structure", "header"].map((table) =>
        home.db.sqlite.prepare(`SELECT COUNT(*) FROM maildir_${table}`).pluck().get(),
      );
    await inbox.expunge([1]);
    expect(rows()).toEqual([1, 1, 1]);
    await inbox.expunge([2]);
    expect(rows()).toEqual([0, 0, 0]);
    await maildir.close();
    expect(home.messageFiles()).toEqual([]);
    expect(home.db.sqlite.prepare("SELECT COUNT(*) FROM maildir_garbage").pluck().get()).toBe(0);
  }),
);

test(
  "a log of expunged messages that grew too long is cut, and says from which MODSEQ on it is whole",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    for (let message = 0; message < 6; message++) await append(inbox, mail("x"));
    for (let uid = 1; uid <= 6; uid++) await inbox.expunge([uid]);
    const index = new MessageIndex(home.db);
    const row = Number(home.db.sqlite.prepare("SELECT id FROM maildir_mailbox WHERE name = 'INBOX'").pluck().get());
    expect(index.cutExpungeLog(row, 6)).toBeUndefined();
    const floor = index.cutExpungeLog(row, 4) ?? 0;
    new MailboxIndex(home.db).setExpungeFloor(row, floor);
    expect(inbox.expungedSince(floor - 1)).toBeUndefined();
    expect(inbox.expungedSince(floor)).toEqual([5, 6]);
    expect(inbox.expungedSince(inbox.status().highestModSeq - 1)).toEqual([6]);
  }),
);
