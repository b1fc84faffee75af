import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { planFolders } from "../../legacy-gateway/incoming/folder-plan.ts";
import { POLL_INTERVAL } from "../../legacy-gateway/limits.ts";
import { FakeClock, mail } from "../maildir/home.ts";
import { ScriptedServer, type Twist } from "./scripted-server.ts";
import { PASSWORD, Recipient } from "./some-provider.ts";

const ADDRESS = "ann@old.example";
const ALL = "[Gmail]/All Mail";

let clock: FakeClock;
let server: ScriptedServer;
let ann: Recipient;
/** UIDs of the letters in All Mail, and of those of them that have no label. */
let all: Map<number, string>;
let archived: Set<number>;
beforeEach(async () => {
  clock = new FakeClock();
  [all, archived] = [new Map(), new Set()];
  server = await ScriptedServer.start();
  server.twist = asGmail;
  ann = await Recipient.create({ clock });
  ann.gateway.start();
});
afterEach(async () => {
  await ann.close();
  await server.stop();
});

/** A server with labels, as far as All Mail goes; the INBOX is as ever. */
const asGmail: Twist = (command, say, _socket, tag) => {
  const capabilities = "IMAP4rev1 IDLE UIDPLUS X-GM-EXT-1 SPECIAL-USE";
  if (command.startsWith("SELECT")) selected = command.includes("All Mail") ? "all" : "inbox";
  if (command === "CAPABILITY") say(`* CAPABILITY ${capabilities}`);
  else if (command.startsWith("LOGIN")) return say(`${tag} OK [CAPABILITY ${capabilities}] in`) ?? true;
  else if (command.startsWith("LIST")) say(`* LIST () "/" INBOX\r\n* LIST (\\All) "/" "${ALL}"`);
  else if (command.startsWith("STATUS") && command.includes(ALL))
    say(`* STATUS "${ALL}" (MESSAGES ${all.size} UIDNEXT 1000 UIDVALIDITY 8 UNSEEN 0)`);
  else if (command.startsWith("SELECT") && selected === "all")
    say(`* ${all.size} EXISTS\r\n* OK [UIDVALIDITY 8] valid`);
  else if (selected === "all" && command.startsWith("UID SEARCH"))
    say(`* SEARCH ${[...(command.includes("X-GM-RAW") ? archived : all.keys())].join(" ")}`);
  else if (selected === "all" && command.startsWith("UID FETCH"))
    for (const [at, [uid, content]] of [...all].entries()) {
      if (command.includes("BODY.PEEK") && !archived.has(uid)) continue;
      const body = command.includes("BODY.PEEK") ? ` BODY[]<0> {${content.length}}\r\n${content}` : "";
      say(`* ${at + 1} FETCH (UID ${uid} FLAGS () RFC822.SIZE ${content.length}${body})`);
    }
  else return false;
  say(`${tag} OK done`);
  return true;
};
let selected = "inbox";

function here(name: string): string[] {
  const mailbox = ann.mail.mailbox(`${ADDRESS}/${name}`);
  if (mailbox === undefined) return [];
  const fields = mailbox.headerFields(mailbox.uids(), new Set(["subject"]));
  return fields.map((field) => /letter \d+/.exec(field ?? "")?.[0] ?? "").sort();
}

test("letters that were archived, and so are in no folder but All Mail, come into Archive, and those alone", async () => {
  server.letters.set(3, mail("letter 3"));
  all.set(30, mail("letter 3")).set(40, mail("letter 4"));
  archived.add(40);
  await ann.gateway.add(server.settings(ADDRESS), PASSWORD);
  await ann.upToDate();
  expect([here("INBOX"), here("Archive")]).toEqual([["letter 3"], ["letter 4"]]);
});

test("a letter that is archived at the provider moves to Archive, and back with its label", async () => {
  const letter = mail("letter 3");
  server.letters.set(3, letter);
  all.set(30, letter);
  await ann.gateway.add(server.settings(ADDRESS), PASSWORD);
  await ann.upToDate();
  server.letters.delete(3);
  archived.add(30);
  clock.advance(POLL_INTERVAL);
  await ann.until("it is in the archive", () => here("Archive").length === 1 && here("INBOX").length === 0);
  archived.delete(30);
  server.letters.set(4, letter);
  clock.advance(POLL_INTERVAL);
  // The round in which the letter was seen to go may not have ended when the time passes: then it has to pass once more.
  let next = 0;
  await ann.until("it is back", () => {
    if (performance.now() >= next) {
      clock.advance(POLL_INTERVAL);
      next = performance.now() + 500;
    }
    return here("INBOX").length === 1 && here("Archive").length === 0;
  });
});

test("elsewhere what shows all letters once more is left out", () => {
  const folders = [
    { path: "INBOX", delimiter: "/", specialUse: "\\Inbox" },
    { path: "Everything", delimiter: "/", specialUse: "\\All" },
    { path: "Starred", delimiter: "/", specialUse: "\\Flagged" },
  ];
  const options = { prefix: "", specialUse: () => undefined };
  expect(planFolders(folders, options).map(({ path }) => path)).toEqual(["INBOX"]);
  expect(planFolders(folders, { ...options, labels: true }).map(({ path }) => path)).toEqual(["INBOX", "Everything"]);
});
