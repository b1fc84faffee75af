import { afterEach, beforeEach, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { box, mail } from "../maildir/home.ts";
import { ScriptedServer, type Twist } from "./scripted-server.ts";
import { PASSWORD, Recipient } from "./some-provider.ts";

const ADDRESS = "ann@old.example";

let server: ScriptedServer;
let honest: ScriptedServer;
let ann: Recipient;
let bugs: unknown[];
const noteBug = (error: unknown): void => void bugs.push(error);

beforeEach(async () => {
  bugs = [];
  process.on("uncaughtException", noteBug);
  process.on("unhandledRejection", noteBug);
  server = await ScriptedServer.start();
  honest = await ScriptedServer.start();
  for (const uid of [3, 5, 8]) server.letters.set(uid, mail(`letter ${uid}`));
  ann = await Recipient.create();
  ann.gateway.start();
});
afterEach(async () => {
  await ann.close();
  await server.stop();
  await honest.stop();
  process.off("uncaughtException", noteBug);
  process.off("unhandledRejection", noteBug);
  expect(bugs).toEqual([]);
});

async function add(): Promise<void> {
  await ann.gateway.add(server.settings(ADDRESS), PASSWORD);
}

function here(address = ADDRESS): number {
  return ann.mail.mailbox(`${address}/INBOX`)?.uids().length ?? 0;
}

/** Answers the first so many commands of this kind in another way. */
function times(count: number, start: string, answer: Twist): Twist {
  let left = count;
  return (command, ...rest) => command.startsWith(start) && left-- > 0 && answer(command, ...rest);
}

test.each<[string, string, Twist]>([
  [
    "a literal without end",
    "UID FETCH 3",
    (_command, say) => {
      say("* 1 FETCH (UID 3 BODY[]<0> {4294967295}\r\nand so on");
      return true;
    },
  ],
  [
    "a line without end",
    "UID FETCH 3",
    (_command, _say, socket) => {
      const more = (): void => {
        if (!socket.destroyed) socket.write("x".repeat(1_000_000), () => setImmediate(more));
      };
      socket.write("* 1 FETCH (UID 3 FLAGS (");
      more();
      return true;
    },
  ],
  [
    "a list in a list in a list",
    "UID FETCH 3",
    (_command, say) => {
      say(`* 1 FETCH ${"(".repeat(100_000)}`);
      return true;
    },
  ],
  [
    "more letters than it has",
    "UID SEARCH",
    (_command, say, _socket, tag) => {
      say(`* SEARCH ${Array.from({ length: 20_000 }, (_, index) => index + 1).join(" ")}\r\n${tag} OK`);
      return true;
    },
  ],
  [
    "more of a letter than was asked for",
    "UID FETCH 3",
    (_command, say, _socket, tag) => {
      say(`* 1 FETCH (UID 3 FLAGS () BODY[]<0> {300000}\r\n${"y".repeat(300_000)})\r\n${tag} OK`);
      return true;
    },
  ],
  [
    "half of a letter",
    "UID FETCH 3",
    (_command, _say, socket) => {
      socket.end("* 1 FETCH (UID 3 FLAGS () RFC822.SIZE 90 BODY[]<0> {90}\r\nSubject: half\r\n\r\nand th");
      return true;
    },
  ],
  [
    "nothing any more",
    "UID FETCH 3",
    (_command, _say, socket) => {
      socket.destroy();
      return true;
    },
  ],
])(
  "after %s the connection is opened anew, and every letter comes once; another provider's come meanwhile",
  async (_what, start, answer) => {
    server.twist = times(2, start, answer);
    honest.letters.set(1, mail("from elsewhere"));
    await add();
    await ann.gateway.add(honest.settings("anna@honest.example"), PASSWORD);
    await ann.until("the other provider's letter is here", () => here("anna@honest.example") === 1);
    await ann.until("all is here", () => here() === 3);
    expect(server.connections).toBeGreaterThan(2);
  },
);

test("letters that were not asked for, with wrong UIDs, or twice, are passed over", async () => {
  server.twist = (command, say, _socket, tag) => {
    if (!command.startsWith("UID FETCH") || !command.includes("BODY.PEEK")) return false;
    for (const uid of ["3", "3", "0", "-1", "4294967296", "99999999999999999999", "4", "x", "5", "8"])
      say(`* 1 FETCH (UID ${uid} FLAGS () BODY[]<0> {26}\r\nSubject: uid\r\n\r\nHello.\r\n\r\n)`);
    say(`${tag} OK`);
    return true;
  };
  await add();
  await ann.upToDate();
  expect(here()).toBe(3);
});

test("what it tells of letters that nobody has changes nothing", async () => {
  await add();
  await ann.upToDate();
  let told = 0;
  server.twist = (command, say, _socket, tag) => {
    if (command !== "IDLE" || told++ > 0) return false;
    say("+ idling\r\n* 77 EXPUNGE\r\n* 4294967295 EXISTS\r\n* 9 FETCH (UID 4 FLAGS (\\Deleted))");
    say(`* 0 FETCH (UID 5 FLAGS (${"k".repeat(5_000)}))\r\n* VANISHED 1:4294967295\r\n${tag} OK`);
    return true;
  };
  server.cut();
  await ann.until("it has told, and is left", () => told > 0 && server.connections > 3);
  await ann.upToDate();
  expect(here()).toBe(3);
});

test("flags whose STORE is cut off in the middle are told again, and are not taken back here", async () => {
  await add();
  await ann.upToDate();
  const mailbox = box(ann.mail, `${ADDRESS}/INBOX`);
  const [uid = 0] = mailbox.uids();
  server.twist = times(1, "UID STORE", (_command, _say, socket) => {
    socket.destroy();
    return true;
  });
  await mailbox.changeFlags([uid], "add", ["\\Flagged"]);
  const stores = (): number => server.commands.filter((command) => command.startsWith("UID STORE")).length;
  await ann.until("it is told again", () => stores() === 2);
  await ann.upToDate();
  expect([...mailbox.summaries([uid])][0]?.flags).toContain("\\Flagged");
});

test("a removal that is cut off in the middle is not forgotten", async () => {
  await add();
  await ann.upToDate();
  const mailbox = box(ann.mail, `${ADDRESS}/INBOX`);
  const [uid = 0] = mailbox.uids();
  server.twist = times(1, "UID EXPUNGE", (_command, _say, socket) => {
    socket.destroy();
    return true;
  });
  await mailbox.expunge([uid]);
  const removals = (): number => server.commands.filter((command) => command.startsWith("UID EXPUNGE")).length;
  await ann.until("it is told again", () => removals() === 2);
  await ann.upToDate();
  expect(here()).toBe(2);
});

test("a header without end is left at the provider, and the rest comes", async () => {
  server.letters.set(9, `Subject: ${"x".repeat(1_200_000)}`);
  await add();
  await ann.until("the others are here", () => here() === 3);
  await ann.upToDate();
  expect(here()).toBe(3);
});

test("whatever it says, the gateway lives, and fetches all once the provider has come to its senses", async () => {
  await add();
  await ann.upToDate();
  const words = fc.constantFrom(
    "* ",
    "3 FETCH (",
    "UID 5 ",
    "FLAGS (\\Seen)",
    "BODY[]<0> {3}\r\n",
    "EXISTS",
    "EXPUNGE",
    "VANISHED (EARLIER) 1:5",
    "OK [UIDVALIDITY 9] ",
    "OK [HIGHESTMODSEQ 99999999999999999999] ",
    "BYE ",
    "SEARCH 1 2 3",
    'LIST () "/" INBOX',
    "STATUS INBOX (MESSAGES 1)",
    "+ ",
    "\r\n",
    ")",
    "{0}\r\n",
    "NIL ",
    '"',
  );
  const rubbish = fc.array(fc.oneof(words, fc.string({ unit: "binary", maxLength: 12 })), { maxLength: 12 });
  let uid = 100;
  for (const [index, pieces] of fc.sample(rubbish, { numRuns: 60, seed: 20_261_125 }).entries()) {
    const start = ["UID FETCH", "UID SEARCH", "SELECT", "STATUS", "LIST", "IDLE", "NOOP", "LOGIN"][index % 8] ?? "";
    server.twist = times(1, start, (_command, say, socket, tag) => {
      say(pieces.join(""));
      say(`${tag} OK`);
      socket.end();
      return true;
    });
    server.letters.set(++uid, mail(`letter ${uid}`));
    const before = server.connections;
    server.cut();
    await ann.until("it tries again", () => server.connections > before);
  }
  server.twist = () => false;
  server.uidValidity = 70;
  server.cut();
  await ann.until("all is here", () => here() >= server.letters.size);
  await ann.upToDate();
  const mailbox = box(ann.mail, `${ADDRESS}/INBOX`);
  const subjects = mailbox
    .headerFields(mailbox.uids(), new Set(["subject"]))
    .map((field) => /Subject: (letter \d+)/.exec(field ?? "")?.[1]);
  for (const known of server.letters.keys())
    expect(subjects.filter((subject) => subject === `letter ${known}`)).toHaveLength(1);
}, 120_000);

test("a server that sends an octet at a time holds nobody else up, and its letters come", async () => {
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  server.twist = (command, _say, socket, tag) => {
    if (!command.startsWith("UID FETCH") || !command.includes("BODY.PEEK")) return false;
    const letters = [...server.letters.keys()].map((uid, at) => `${server.fetched(at + 1, uid, command)}\r\n`);
    const answer = Buffer.from(`${letters.join("")}${tag} OK\r\n`, "latin1");
    const drip = async (): Promise<void> => {
      for (const [at, octet] of answer.entries()) {
        if (at === Math.floor(answer.length / 2)) await held;
        await new Promise<void>((resolve) => void socket.write(Buffer.of(octet), () => resolve()));
      }
    };
    drip().catch(() => undefined);
    return true;
  };
  honest.letters.set(1, mail("from elsewhere"));
  await add();
  await ann.gateway.add(honest.settings("anna@honest.example"), PASSWORD);
  await ann.until("the other provider's letter is here", () => here("anna@honest.example") === 1);
  expect(here()).toBeLessThan(3);
  goOn();
  await ann.until("the slow ones are here", () => here() === 3);
});

/** Right answers that were damaged on the way: a piece is missing, comes twice, or is another one. */
const damages = fc.array(
  fc.record({
    /** Which line of the connection. */
    line: fc.integer({ min: 0, max: 40 }),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 0, max: 30 }),
    instead: fc.oneof(
      fc.constantFrom(
        "",
        "\r\n",
        "{99999999999}\r\n",
        "{5}\r\n",
        "(((",
        ")",
        '"',
        "NIL",
        "4294967296",
        "-1",
        "* BYE\r\n",
      ),
      fc.string({ unit: "binary", maxLength: 8 }),
    ),
    twice: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);

test("damaged answers end a connection at most; no letter is lost by them", async () => {
  await add();
  await ann.upToDate();
  let uid = 200;
  for (const some of fc.sample(damages, { numRuns: 60, seed: 20_261_126 })) {
    let line = 0;
    server.distort = (text) => {
      const here = some.filter((damage) => damage.line === line);
      line++;
      return here.reduce((damaged, { at, length, instead, twice }) => {
        const from = Math.floor(at * damaged.length);
        const piece = damaged.slice(from, from + length);
        return damaged.slice(0, from) + (twice ? piece + piece : instead) + damaged.slice(from + length);
      }, text);
    };
    server.letters.set(++uid, mail(`letter ${uid}`));
    const before = server.connections;
    server.cut();
    await ann.until("it tries again", () => server.connections > before);
  }
  server.distort = (text) => text;
  server.uidValidity = 70;
  server.cut();
  const subjects = (): (string | undefined)[] => {
    const mailbox = box(ann.mail, `${ADDRESS}/INBOX`);
    const fields = mailbox.headerFields(mailbox.uids(), new Set(["subject"]));
    return fields.map((field) => /Subject: (letter \d+)/.exec(field ?? "")?.[1]);
  };
  await ann.until("all is here", () => {
    const known = new Set(subjects());
    return [...server.letters.keys()].every((each) => known.has(`letter ${each}`));
  });
  await ann.upToDate();
}, 120_000);
