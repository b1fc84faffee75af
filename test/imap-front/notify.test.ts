import { afterEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { defaultLimits } from "../../imap-front/limits.ts";
import type { Maildir } from "../../maildir/store.ts";
import { TestHome } from "../maildir/home.ts";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";

const homes: TestHome[] = [];

afterEach(async () => {
  await stopServers();
  for (const home of homes.splice(0)) home.remove();
});

/** What a client knows that issues no command, and only hears what it is told. */
class Listener {
  /** UID and flags by sequence number; undefined where it was told of neither. */
  readonly messages: { uid?: number; flags?: string }[] = [];
  readonly names = new Map<string, boolean>();
  readonly statuses = new Map<string, Map<string, number>>();

  hear(text: string): void {
    for (const line of text.split("\r\n")) {
      const exists = /^\* (\d+) EXISTS$/.exec(line);
      while (exists !== null && this.messages.length < Number(exists[1])) this.messages.push({});
      const expunge = /^\* (\d+) EXPUNGE$/.exec(line);
      if (expunge !== null) this.messages.splice(this.#index(expunge[1]), 1);
      const fetched = /^\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\)\)$/.exec(line);
      if (fetched !== null) {
        const known = this.messages[this.#index(fetched[1])] as { uid?: number; flags?: string };
        expect(known.uid ?? Number(fetched[2])).toBe(Number(fetched[2]));
        known.uid = Number(fetched[2]);
        known.flags = sorted((fetched[3] as string).split(" "));
      }
      const status = /^\* STATUS "([^"]*)" \(([^)]*)\)$/.exec(line);
      if (status !== null) {
        const known = this.statuses.get(status[1] as string) ?? new Map<string, number>();
        for (const [, item, value] of (status[2] as string).matchAll(/([A-Z]+) (\d+)/g))
          known.set(item as string, Number(value));
        this.statuses.set(status[1] as string, known);
      }
      const listed = /^\* LIST \(([^)]*)\) "\/" "([^"]*)"(?: \("OLDNAME" \("([^"]*)"\)\))?$/.exec(line);
      if (listed === null) continue;
      const [, attributes = "", name = "", oldName] = listed;
      // Whoever is told of a renaming knows that the children moved along.
      if (oldName !== undefined)
        for (const known of [...this.names.keys()].filter((other) => `${other}/`.startsWith(`${oldName}/`))) {
          this.names.set(name + known.slice(oldName.length), this.names.get(known) === true);
          this.names.delete(known);
        }
      this.names.set(name, !attributes.includes("\\NonExistent"));
    }
  }

  get existing(): string[] {
    return [...this.names].flatMap(([name, exists]) => (exists ? [name] : [])).sort();
  }

  #index(sequence: string | undefined): number {
    const index = Number(sequence) - 1;
    expect(index).toBeLessThan(this.messages.length);
    return index;
  }
}

function sorted(flags: readonly string[]): string {
  return flags
    .filter((flag) => flag !== "" && flag !== "\\Recent")
    .sort()
    .join(" ");
}

const letter = "{26+}\r\nSubject: x\r\n\r\nhello there";
const uids = fc
  .tuple(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 14 }))
  .map(([from, to]) => `${from}:${to}`);
const name = fc.constantFrom("A", "B", "A/B", "A/C", "B/D/E");
const step = fc.oneof(
  fc
    .tuple(uids, fc.constantFrom("+", "-"), fc.constantFrom("\\Deleted", "\\Seen", "Work"))
    .map(([set, sign, flag]) => `UID STORE ${set} ${sign}FLAGS.SILENT (${flag})`),
  uids.map((set) => `UID COPY ${set} Other`),
  uids.map((set) => `UID MOVE ${set} Other`),
  fc.constantFrom("EXPUNGE", "EXPUNGE", `APPEND INBOX ${letter}`, `APPEND INBOX ${letter}`, `APPEND Other ${letter}`),
  name.map((created) => `CREATE ${created}`),
  name.map((removed) => `DELETE ${removed}`),
  fc.tuple(name, name).map(([from, to]) => `RENAME ${from} ${to}`),
);

/** Everything that the listening client is told of what was done before the call. */
async function settled(listening: Client, acting: Client, round: number): Promise<string> {
  let text = "";
  // What is told together with the first mark may come behind it, but not behind the second.
  for (const mark of ["first", "second"]) {
    const topic = `mark${round}${mark}`;
    await acting.command(topic, `CREATE ${topic}`);
    text += await listening.until(new RegExp(`\\* LIST [^\\r]*"${topic}"\\r\\n`));
  }
  return text;
}

function truth(maildir: Maildir): { uid: number; flags: string }[] {
  const inbox = maildir.mailbox("INBOX");
  if (inbox === undefined) throw new Error("no INBOX");
  return [...inbox.summaries(inbox.uids())].map(({ uid, flags }) => ({ uid, flags: sorted(flags) }));
}

test("whatever others do, a client that only listens knows every message, flag, mailbox and status of the store (RFC 5465 sections 5 and 6)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const home = new TestHome();
      homes.push(home);
      const maildir = await home.open();
      try {
        const server = await serve(maildir);
        const listening = await (await Client.connect(server)).login();
        const acting = await (await Client.connect(server)).login();
        await acting.command("p", "CREATE Other");
        await acting.command("s", "SELECT INBOX");
        await listening.command("s", "SELECT INBOX");
        const listener = new Listener();
        for (const mailbox of maildir.mailboxes()) listener.names.set(mailbox.name, true);
        listener.hear(
          await listening.command(
            "n",
            "NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))" +
              " (personal (MailboxName)) (mailboxes Other (MessageNew MessageExpunge FlagChange))",
          ),
        );
        for (const [index, command] of steps.entries()) {
          await acting.command(`c${index}`, command);
          if (index % 4 === 0) listener.hear(await settled(listening, acting, index));
        }
        listener.hear(await settled(listening, acting, steps.length));

        expect(listener.messages).toEqual(truth(maildir));
        expect(listener.existing).toEqual(
          maildir
            .mailboxes()
            .map((mailbox) => mailbox.name)
            .sort(),
        );
        const status = maildir.mailbox("Other")?.status();
        expect(listener.statuses.get("Other")?.get("MESSAGES")).toBe(status?.messages);
        expect(listener.statuses.get("Other")?.get("UIDNEXT")).toBe(status?.uidNext);
        listening.close();
        acting.close();
      } finally {
        await stopServers();
        await maildir.close();
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);

test("a session watches the whole store only as long as NOTIFY asks for more than the selected mailbox", async () => {
  const store = new MemoryStore();
  const server = await serve(store);
  const client = await (await Client.connect(server)).login();
  await client.command("a", "SELECT INBOX");
  expect(store.watchers).toBe(0);
  await client.command("b", "NOTIFY SET (selected (MessageNew MessageExpunge))");
  expect(store.watchers).toBe(0);
  await client.command("c", "NOTIFY SET (personal (MessageNew MessageExpunge))");
  await client.command("d", "NOTIFY SET (inboxes (MailboxName))");
  expect(store.watchers).toBe(1);
  await client.command("e", "NOTIFY NONE");
  expect(store.watchers).toBe(0);
  await client.command("f", "NOTIFY SET (inboxes (MailboxName))");
  await client.command("g", "LOGOUT");
  await client.rest();
  expect(store.watchers).toBe(0);
});

test("more changed names than may wait end NOTIFY, and the client is told so (RFC 5465 section 5.8)", async () => {
  const home = new TestHome();
  homes.push(home);
  const maildir = await home.open();
  const server = await serve(maildir, { limits: { ...defaultLimits, notices: 3 } });
  const listening = await (await Client.connect(server)).login();
  const acting = await (await Client.connect(server)).login();
  await listening.command("a", "NOTIFY SET (personal (MailboxName MessageNew MessageExpunge))");
  await acting.command("a", "CREATE one/two/three/four");
  expect(await listening.until(/\r\n/)).toMatch(/^\* OK \[NOTIFICATIONOVERFLOW\] /);
  await acting.command("b", `APPEND INBOX ${letter}`);
  expect(await listening.command("b", "NOOP")).toBe("b OK completed\r\n");
  expect(await listening.command("c", "NOTIFY SET (personal (MailboxName))")).toBe("c OK NOTIFY completed\r\n");
  await acting.command("c", "CREATE five");
  expect(await listening.until(/\r\n/)).toBe('* LIST (\\HasNoChildren) "/" "five"\r\n');
  listening.close();
  acting.close();
  await stopServers();
  await maildir.close();
});

test("while a client does not read, changes wait in what is bounded, and then it is told that they were too many", async () => {
  const store = new MemoryStore();
  const server = await serve(store, { limits: { ...defaultLimits, notices: 50 } });
  const client = await (await Client.connect(server)).login();
  await client.command("a", "SELECT INBOX");
  await client.command(
    "b",
    "NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge)) (personal (MailboxName MailboxMetadataChange))",
  );
  client.pause();
  const large = `Subject: large\r\n\r\n${"x".repeat(900_000)}`;
  const content = async function* () {
    yield Buffer.from(large);
  };
  // More than the sockets on both sides hold.
  for (let i = 0; i < 30; i++) await store.mailbox("INBOX")?.append([{ content: content(), flags: [] }]);
  for (let i = 0; i < 51; i++) await store.create(`folder${i}`);
  client.resume();
  const text = await client.until(/NOTIFICATIONOVERFLOW[^\r]*\r\n/);
  expect(text).not.toContain("LIST");
  client.close();
});

test("too many mailboxes in one request are refused with NOTIFICATIONOVERFLOW (RFC 5465 section 3.1)", async () => {
  const server = await serve(new MemoryStore(), { limits: { ...defaultLimits, notifyMailboxes: 3 } });
  const client = await (await Client.connect(server)).login();
  const events = "(MessageNew MessageExpunge)";
  expect(await client.command("a", `NOTIFY SET (mailboxes (a b) ${events}) (inboxes ${events})`)).toMatch(/^a OK /);
  expect(await client.command("b", `NOTIFY SET (mailboxes (a b c) ${events}) (inboxes ${events})`)).toMatch(
    /^b NO \[NOTIFICATIONOVERFLOW\] /,
  );
  client.close();
});

test("the removal of the selected mailbox ends a listening session, though no command runs", async () => {
  const store = new MemoryStore({ INBOX: undefined, Work: undefined });
  const client = await (await Client.connect(await serve(store))).login();
  await client.command("a", "SELECT Work");
  await client.command("b", "NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MailboxName))");
  await store.remove("Work");
  expect(await client.rest()).toBe(
    '* LIST (\\NonExistent \\HasNoChildren) "/" "Work"\r\n* BYE the selected mailbox was removed\r\n',
  );
});
