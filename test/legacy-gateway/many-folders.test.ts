import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { POLL_INTERVAL } from "../../legacy-gateway/limits.ts";
import { box, FakeClock, mail } from "../maildir/home.ts";
import { ScriptedServer, type Twist } from "./scripted-server.ts";
import { PASSWORD, Recipient } from "./some-provider.ts";

const ADDRESS = "ann@old.example";
const FOLDERS = ["A", "B", "C", "D", "E", "F"].map((letter) => `Folder${letter}`);

let clock: FakeClock;
let server: ScriptedServer;
let ann: Recipient;
/** Called as a folder's STATUS is asked for. */
let onStatus: (folder: string, say: (text: string) => void) => void;
beforeEach(async () => {
  clock = new FakeClock();
  onStatus = () => undefined;
  server = await ScriptedServer.start();
  server.letters.set(3, mail("letter 3"));
  server.twist = withFolders();
  ann = await Recipient.create({ clock });
  ann.gateway.start();
  await ann.gateway.add(server.settings(ADDRESS), PASSWORD);
  await ann.upToDate();
});
afterEach(async () => {
  await ann.close();
  await server.stop();
});

/** Empty ones beside the INBOX. */
function withFolders(): Twist {
  let selected = "INBOX";
  return (command, say, _socket, tag) => {
    const [name = "", argument = ""] = command.split(" ");
    if (name === "SELECT") selected = argument;
    if (command.startsWith('LIST "" ""')) say('* LIST (\\Noselect) "/" ""');
    else if (name === "LIST") for (const folder of ["INBOX", ...FOLDERS]) say(`* LIST () "/" ${folder}`);
    else if (name === "STATUS" && argument !== "INBOX") {
      onStatus(argument, say);
      say(`* STATUS ${argument} (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 5 UNSEEN 0)`);
    } else if (name === "SELECT" && selected !== "INBOX") say("* 0 EXISTS\r\n* OK [UIDVALIDITY 5] valid");
    else if (command.startsWith("UID SEARCH") && selected !== "INBOX") say("* SEARCH");
    else return false;
    say(`${tag} OK done`);
    return true;
  };
}

test("a new letter does not wait until all folders were looked at, and they are looked at all the same", async () => {
  const said = server.commands.length;
  onStatus = (folder, say) => {
    if (folder !== FOLDERS[2] || server.letters.has(9)) return;
    server.letters.set(9, mail("letter 9"));
    say("* 2 EXISTS");
  };
  clock.advance(POLL_INTERVAL);
  await ann.until("it is here", () => box(ann.mail, `${ADDRESS}/INBOX`).uids().length === 2);
  const order = (): string[] =>
    server.commands
      .slice(said)
      .flatMap((command) => /^STATUS (Folder[A-F])|^UID FETCH (9)/.exec(command)?.slice(1) ?? [])
      .filter((each) => each !== undefined);
  await ann.until("all were looked at", () => order().length === FOLDERS.length + 1);
  expect(order()).toEqual([...FOLDERS.slice(0, 3), "9", ...FOLDERS.slice(3)]);
});
