import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { LetterAppender } from "../../legacy-gateway/provider/append-letters.ts";
import { openImap } from "../../legacy-gateway/provider/imap-connection.ts";
import { headerFields } from "../../mime/header.ts";
import { box } from "../maildir/home.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { PASSWORD, Recipient, SomeProvider } from "./some-provider.ts";
import { SomeSubmissionServer } from "./some-submission-server.ts";

const HEADER = "From: ann@old.example\r\nTo: bob@friend.example\r\nSubject: hello\r\nUser-Agent: X\r\n";

let imap: SomeProvider;
let smtp: SomeSubmissionServer;
let ann: Recipient;

beforeEach(async () => {
  imap = await SomeProvider.start();
  smtp = await SomeSubmissionServer.start();
  ann = await Recipient.create();
  const place = { host: "127.0.0.1", port: smtp.port, security: "none" } as const;
  ann.gateway.accounts.add({ ...imap.settings, smtp: place, plain: "allowed", sentCopy: true }, PASSWORD);
});
afterEach(async () => {
  await ann.close();
  await imap.stop();
  await smtp.stop();
});

/** Sends a letter of so many pieces of 100,000 octets. */
async function send(messageId: string, pieces = 1): Promise<void> {
  const { road } = ann.gateway;
  const fields = [...headerFields(Buffer.from(HEADER))];
  const account = road.accountFor(fields, "ann@old.example");
  const body = (async function* () {
    for (let piece = 0; piece < pieces; piece++) yield Buffer.from(`${`${piece} `.padEnd(98, "x")}\r\n`.repeat(1_000));
  })();
  const recipients = ["bob@friend.example"];
  const prepared = await road.prepare(account, { fields, body, messageId, recipients });
  await ann.home.db.commit(() =>
    road.enqueue(prepared, {
      recipients: recipients.map((address) => ({ address, notify: [] })),
      envid: undefined,
      ret: undefined,
      mailbox: box(ann.mail, "Sent").id,
      uid: 1,
    }),
  );
  await road.send(prepared, undefined);
}

const sentThere = () => box(imap.mail, "Sent").uids();

async function settled(): Promise<void> {
  await ann.until("nothing waits", () => smtp.taken.length > 0 && ann.gateway.outbox.list().length === 0);
  const left = ann.home.db.sqlite.prepare("SELECT count(*) FROM gateway_outgoing").pluck();
  await ann.until("nothing is left", () => left.get() === 0);
}

test("what was sent is filed in the provider's Sent, octet for octet, as read, large letters piece by piece", async () => {
  ann.gateway.start();
  await send("1@old.example", 30);
  await settled();
  const [uid = 0, ...more] = sentThere();
  expect(more).toEqual([]);
  const sent = box(imap.mail, "Sent");
  const [summary] = [...sent.summaries([uid])];
  expect(summary?.flags).toEqual(["\\Seen"]);
  const pieces: Uint8Array[] = [];
  for await (const piece of sent.read(uid, 0, summary?.size ?? 0)) pieces.push(piece);
  const content = Buffer.concat(pieces).toString("latin1");
  expect(content === smtp.taken[0]?.content).toBe(true);
  expect(content).not.toContain("User-Agent");
}, 60_000);

test("a letter that is in the provider's Sent already is not filed a second time", async () => {
  ann.gateway.start();
  await send("1@old.example");
  await settled();
  expect(sentThere()).toHaveLength(1);
  // As after a crash between the provider's OK and our commit.
  await send("1@old.example");
  await ann.until("sent again", () => smtp.taken.length === 2);
  await settled();
  expect(sentThere()).toHaveLength(1);
}, 60_000);

/** An IMAP server that answers APPEND as a test wants; what comes is counted. */
async function appendTo(answer: (socket: Socket, line: string) => void) {
  const server = await ScriptedServer.start();
  server.twist = (command, _say, socket, tag) => {
    if (!command.startsWith("APPEND")) return false;
    answer(socket, tag);
    return true;
  };
  const settings = server.settings("ann@old.example");
  const login = async () => ({ user: "ann", password: "secret" });
  const client = await openImap({ server: settings.imap, login, isolation: "ann", compress: false });
  return { server, appender: new LetterAppender(client, "Sent") };
}

test.each<[string, (socket: Socket, tag: string) => void, object]>([
  ["refuses", (socket, tag) => socket.write(`* 1 EXISTS\r\n${tag} NO [OVERQUOTA] full\r\n`), { kind: "refused" }],
  ["goes away", (socket) => socket.destroy(), { code: "unavailable" }],
  ["sends a line without end", (socket) => socket.write("* ".repeat(100_000)), { code: "unavailable" }],
])("a provider that %s ends the copy and nothing else", async (_what, answer, outcome) => {
  const { server, appender } = await appendTo(answer);
  const content = (async function* () {
    yield Buffer.from("a letter");
  })();
  const result = await appender.append({ size: 8, content, date: 0 }).catch((error: unknown) => error);
  expect(result).toMatchObject(outcome);
  appender.close();
  await server.stop();
});
