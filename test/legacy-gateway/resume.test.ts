import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { box, mail } from "../maildir/home.ts";
import { ScriptedServer, type Twist } from "./scripted-server.ts";
import { PASSWORD, Recipient } from "./some-provider.ts";

const ADDRESS = "ann@old.example";
const CAPABILITIES = "IMAP4rev1 IDLE UIDPLUS ENABLE CONDSTORE QRESYNC ESEARCH";

let server: ScriptedServer;
let ann: Recipient;
/** What the server says on SELECT to whoever asks what changed. */
let onSelect: string[];
let highest: number;
beforeEach(async () => {
  [onSelect, highest] = [[], 10];
  server = await ScriptedServer.start();
  for (const uid of [3, 5, 8]) server.letters.set(uid, mail(`letter ${uid}`));
  server.twist = withQresync;
  ann = await Recipient.create();
  ann.gateway.start();
  await ann.gateway.add(server.settings(ADDRESS), PASSWORD);
  await ann.upToDate();
});
afterEach(async () => {
  await ann.close();
  await server.stop();
});

const withQresync: Twist = (command, say, _socket, tag) => {
  if (command === "CAPABILITY") say(`* CAPABILITY ${CAPABILITIES}\r\n${tag} OK`);
  else if (command.startsWith("LOGIN")) say(`${tag} OK [CAPABILITY ${CAPABILITIES}] in`);
  else if (command.startsWith("ENABLE")) say(`* ENABLED CONDSTORE QRESYNC\r\n${tag} OK`);
  else if (command.startsWith("STATUS"))
    say(
      `* STATUS INBOX (MESSAGES ${server.letters.size} UIDNEXT 1000 UIDVALIDITY 7 UNSEEN 0 HIGHESTMODSEQ ${highest})\r\n${tag} OK`,
    );
  else if (command.startsWith("UID SEARCH")) {
    const from = Number(/UID (\d+):\*/.exec(command)?.[1] ?? 1);
    const found = [...server.letters.keys()].filter((uid) => uid >= from);
    say(`* ESEARCH (TAG "${tag}") UID${found.length === 0 ? "" : ` ALL ${found.join(",")}`}\r\n${tag} OK`);
  } else if (command.startsWith("SELECT")) {
    say(`* ${server.letters.size} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [HIGHESTMODSEQ ${highest}] highest`);
    if (command.includes("QRESYNC")) for (const line of onSelect) say(line);
    say(`${tag} OK [READ-WRITE] selected`);
  } else return false;
  return true;
};

function flags(): Record<string, boolean> {
  const mailbox = box(ann.mail, `${ADDRESS}/INBOX`);
  const uids = mailbox.uids();
  const subjects = mailbox.headerFields(uids, new Set(["subject"])).map((field) => /letter \d+/.exec(field ?? "")?.[0]);
  return Object.fromEntries(
    [...mailbox.summaries(uids)].map((letter, at) => [subjects[at] ?? "", letter.flags.includes("\\Seen")]),
  );
}

/** What was said on the connections that were opened after this. */
async function again(): Promise<string[]> {
  const [said, connections] = [server.commands.length, server.connections];
  server.cut();
  await ann.until("it is connected again", () => server.connections > connections);
  await ann.upToDate();
  return server.commands.slice(said).filter((command) => /^(SELECT|UID)/.test(command));
}

test("where the provider has QRESYNC it tells on SELECT what changed; nothing else is asked for but what is new", async () => {
  server.letters.delete(5);
  server.letters.set(9, mail("letter 9"));
  highest = 20;
  onSelect = ["* VANISHED (EARLIER) 5", "* 1 FETCH (UID 3 MODSEQ (17) FLAGS (\\Seen))"];
  const said = await again();
  await ann.until("what vanished is gone", () => !("letter 5" in flags()));
  expect(flags()).toEqual({ "letter 3": true, "letter 8": false, "letter 9": false });
  expect(said[0]).toBe("SELECT INBOX (QRESYNC (7 10))");
  expect(said.filter((command) => /SEARCH ALL|SEARCH RETURN \(ALL\) ALL|FETCH 1:\*/.test(command))).toEqual([]);
});

test("where its counts do not fit what it told, all is compared", async () => {
  server.letters.delete(5);
  server.letters.set(9, mail("letter 9"));
  highest = 20;
  onSelect = ["* 1 FETCH (UID 3 MODSEQ (17) FLAGS (\\Seen))"];
  const said = await again();
  await ann.until("what vanished is gone", () => !("letter 5" in flags()));
  expect(Object.keys(flags()).sort()).toEqual(["letter 3", "letter 8", "letter 9"]);
  expect(said.some((command) => command.startsWith("UID SEARCH") && command.endsWith("ALL"))).toBe(true);
});

test("one that tells of more than anybody can remember, or of what is no letter, is compared whole, and loses nothing here", async () => {
  highest = 20;
  onSelect = ["* VANISHED (EARLIER) 100:4294967295", "* VANISHED (EARLIER) 0,x", "* 9 FETCH (UID 0 FLAGS (\\Deleted))"];
  await again();
  expect(Object.keys(flags()).sort()).toEqual(["letter 3", "letter 5", "letter 8"]);
});
