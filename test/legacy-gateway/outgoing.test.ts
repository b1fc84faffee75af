import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createLegacyReporter } from "../../bridge/reports/legacy-reports.ts";
import { SentCopies } from "../../bridge/submission/sent-copies.ts";
import { createSubmissionSink } from "../../bridge/submission/submission.ts";
import { formatAddress } from "../../foundation/address.ts";
import { silentLogger } from "../../foundation/logger.ts";
import { LegacyGateway } from "../../legacy-gateway/gateway.ts";
import { REFUSED_DELAYS, SEND_LIMIT } from "../../legacy-gateway/limits.ts";
import type { GatewayNotice, LegacyReport } from "../../legacy-gateway/ports.ts";
import type { SubmissionSink } from "../../smtp-front/submission.ts";
import { SomeMail } from "../bridge/some-mail.ts";
import { someLabel } from "../bridge/somebody.ts";
import { PASSWORD } from "./some-provider.ts";
import { reply, SomeSubmissionServer } from "./some-submission-server.ts";

const ADDRESS = "ann@old.example";
const LETTER = [
  "Received: from laptop.local (localhost [127.0.0.1])",
  "From: Ann <ann@old.example>",
  "To: bob@friend.example",
  "Bcc: carol@friend.example",
  "Subject: hello",
  "Date: Tue, 24 Nov 2026 08:00:00 +0900",
  "Message-ID: <1234@laptop.local>",
  "In-Reply-To: <abc@friend.example>",
  "User-Agent: SomeProgram/1.0 (X11; Linux)",
  "X-Originating-IP: 192.168.1.7",
  "",
  "Good morning.",
  ".",
  "",
].join("\r\n");

let server: SomeSubmissionServer;
let mail: SomeMail;
let gateway: LegacyGateway;
let sink: SubmissionSink;
/** The clock that the gateway sees. */
let now: number;
const reports: LegacyReport[] = [];
const notices: GatewayNotice[] = [];
/** Addresses that may not be written to by e-mail. */
const forbidden = new Set<string>();

beforeEach(async () => {
  reports.length = 0;
  notices.length = 0;
  forbidden.clear();
  now = Date.now();
  server = await SomeSubmissionServer.start();
  mail = await SomeMail.create();
  const { db, account, maildir, overlay } = mail;
  const clock = { now: () => now, after: () => () => undefined };
  const tell = createLegacyReporter({ db, account, maildir, now: () => now });
  gateway = new LegacyGateway({
    db,
    mail: maildir,
    clock,
    logger: silentLogger,
    notify: (notice) => void notices.push(notice),
    forbids: (address) => (forbidden.has(address) ? `${address} may not be written to by e-mail` : undefined),
    patience: { answer: 2_000 },
    report: async (report, settle) => {
      await tell(report, settle);
      reports.push(report);
    },
  });
  sink = createSubmissionSink({
    db,
    account,
    maildir,
    overlay,
    sentCopies: new SentCopies(db),
    commands: mail.commands,
    introduces: false,
    messageIdKey: Buffer.alloc(32, 7),
    clock,
    legacy: gateway.road,
  });
});
afterEach(async () => {
  await gateway.close();
  await mail.close();
  await server.stop();
});

function refuse(words: string): never {
  throw reply(550, words);
}

/** An account whose IMAP server is not there: what is sent does not need it. */
function account(plain: "allowed" | "refused" = "allowed", address = ADDRESS, sizeLimit?: number): void {
  const place = { host: "127.0.0.1", security: "none" } as const;
  gateway.accounts.add(
    {
      address,
      user: "ann",
      imap: { ...place, port: 1 },
      smtp: { ...place, port: server.port },
      folders: "merged",
      keeping: { kind: "keep" },
      plain,
      sentCopy: false,
      ...(sizeLimit !== undefined && { sizeLimit }),
    },
    PASSWORD,
  );
}

async function submit(to: readonly string[], text = LETTER, from = ADDRESS): Promise<void> {
  const content = (async function* () {
    yield Buffer.from(text, "latin1");
  })();
  await sink.checkSender(from);
  for (const address of to) await sink.checkRecipient({ address }, from);
  await sink.submit({ from, recipients: to.map((address) => ({ address })), content });
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never; ${JSON.stringify(gateway.outbox.list())}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a letter leaves with what it has to say and nothing that betrays where it was written", async () => {
  account();
  gateway.start();
  await submit(["bob@friend.example", "carol@friend.example"]);
  await until(() => server.taken.length === 1 && gateway.outbox.list().length === 0);
  const [taken] = server.taken;
  expect(taken).toMatchObject({
    from: ADDRESS,
    to: ["bob@friend.example", "carol@friend.example"],
    greeting: "[127.0.0.1]",
  });
  expect(taken?.content).toMatch(
    /^From: "Ann" <ann@old\.example>\r\nTo: bob@friend\.example\r\nDate: Mon, 23 Nov 2026 23:00:00 \+0000\r\nMessage-ID: <[a-z2-7]{32}@old\.example>\r\nIn-Reply-To: <abc@friend\.example>\r\nSubject: hello\r\n\r\nGood morning\.\r\n\.\r\n$/,
  );
  const [sent] = await mail.messages("Sent");
  expect(sent?.flags.toSorted()).toEqual(["$Legacy", "$Plaintext", "\\Seen"]);
  expect(sent?.text).toMatch(
    /^X-Postern-Road: e-mail; from=ann@old\.example; to=bob@friend\.example,\r\n carol@friend\.example\r\n/,
  );
  const id = /Message-ID: (\S+)/.exec(taken?.content ?? "")?.[1];
  expect(sent?.text).toContain(`Message-ID: ${id}`);
  expect(sent?.text).toContain("Bcc: carol@friend.example");
});

test("without permission nothing leaves in the clear, and the refusal says how to give it", async () => {
  account("refused");
  gateway.start();
  await expect(submit(["bob@friend.example"])).rejects.toMatchObject({
    code: 550,
    message: expect.stringContaining("postern gateway plain ann@old.example allow"),
  });
  gateway.allowPlain(ADDRESS, true);
  await submit(["bob@friend.example"]);
  await until(() => server.taken.length === 1);
});

test("the permission of one account is no permission of another", async () => {
  account("allowed");
  account("refused", "anna@other.example");
  gateway.start();
  const other = LETTER.replace("ann@old.example", "anna@other.example");
  await expect(submit(["bob@friend.example"], other, "anna@other.example")).rejects.toMatchObject({ code: 550 });
  // The envelope says one address, the header the other: the header counts, since it is what the recipient sees.
  await expect(submit(["bob@friend.example"], other)).rejects.toMatchObject({ code: 550 });
  expect([server.taken.length, (await mail.messages("Sent")).length]).toEqual([0, 0]);
});

test("only own addresses can be written from", async () => {
  account();
  await expect(sink.checkSender("eve@old.example")).rejects.toMatchObject({ code: 553 });
  await sink.checkSender("ANN@old.example");
});

test("written from the overlay address, a letter leaves from the only old one, without a trace of the overlay", async () => {
  account();
  gateway.start();
  const text = LETTER.replace("Ann <ann@old.example>", `Ann <${mail.account.address}>`).replace(
    "To: bob@friend.example",
    `To: bob@friend.example, Vera <vera@postern.alt>, ${mail.bob}`,
  );
  await submit(["bob@friend.example", "vera@postern.alt"], text, mail.account.address);
  await until(() => server.taken.length === 1);
  expect(server.taken[0]?.content).not.toContain("postern");
  expect(server.taken[0]?.content).toContain("\r\nTo: bob@friend.example\r\n");
  expect(mail.overlay.enqueued).toHaveLength(1);
  expect(mail.overlay.enqueued[0]?.content.toString("latin1")).not.toContain("friend.example>");
  const [sent] = await mail.messages("Sent");
  expect(sent?.text).toContain(`X-Postern-Road: overlay; to=${formatAddress("mail", someLabel(2))}\r\n`);
  expect(sent?.text).toContain("X-Postern-Road: e-mail; from=ann@old.example; to=bob@friend.example\r\n");
});

test("with several accounts an overlay sender has to say which one is meant", async () => {
  account();
  account("allowed", "anna@other.example");
  const text = LETTER.replace("Ann <ann@old.example>", mail.account.address);
  await expect(submit(["bob@friend.example"], text, mail.account.address)).rejects.toMatchObject({
    code: 550,
    message: expect.stringContaining("ann@old.example or anna@other.example"),
  });
});

test("a recipient whom the provider refuses is reported in the provider's words, the others get the letter", async () => {
  account();
  server.onRecipient = (address) => {
    if (address.startsWith("carol")) throw reply(550, "5.1.1 <carol@friend.example> is not known here");
  };
  gateway.start();
  await submit(["bob@friend.example", "carol@friend.example"]);
  await until(() => reports.length === 2);
  expect(server.taken[0]?.to).toEqual(["bob@friend.example"]);
  const [dsn, ...more] = await mail.messages("INBOX");
  expect(more).toEqual([]);
  expect(dsn?.text).toContain("Final-Recipient: rfc822; carol@friend.example\r\nAction: failed\r\nStatus: 5.1.1\r\n");
  expect(dsn?.text).toContain("Diagnostic-Code: smtp; 550 5.1.1 <carol@friend.example> is not known here");
});

test.each([
  ["at RCPT", "5.1.1", (): void => void (server.onRecipient = () => refuse("5.1.1 nobody of that name"))],
  ["after the letter", "5.7.1", (): void => void (server.onData = () => refuse("5.7.1 looks like spam"))],
  ["at RCPT, for a full mailbox", "5.2.2", (): void => void (server.onRecipient = () => refuse("5.2.2 mailbox full"))],
])(
  "what the provider refuses at once %s is the reply, and nothing is left of the letter",
  async (_when, status, set) => {
    account();
    set();
    gateway.start();
    await expect(submit(["bob@friend.example", "carol@friend.example"])).rejects.toMatchObject({
      code: 550,
      enhanced: status,
      message: expect.stringMatching(new RegExp(`^127\\.0\\.0\\.1 does not take it: 550 ${status} `)),
    });
    expect([gateway.outbox.list(), reports, await mail.messages("Sent"), await mail.messages("INBOX")]).toEqual([
      [],
      [],
      [],
      [],
    ]);
    for (const table of ["gateway_piece", "gateway_own_copy", "sent_copy"])
      expect(mail.db.sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
    // The same connection takes what comes next.
    server.onRecipient = server.onData = () => undefined;
    await submit(["bob@friend.example"]);
    expect(server.taken).toHaveLength(1);
  },
);

test("a letter behind one that is refused goes its way", async () => {
  account();
  server.onRecipient = (address) => {
    if (address.startsWith("nobody")) refuse("5.1.1 nobody of that name");
  };
  await submit(["nobody@friend.example"]);
  await submit(["bob@friend.example"]);
  gateway.start();
  await until(() => server.taken.length === 1 && reports.length === 2);
  expect(reports.map(({ action }) => action).toSorted()).toEqual(["failed", "relayed"]);
});

test("a provider that takes its time is not waited for: its refusal is reported", async () => {
  account();
  let refuseNow = (): void => undefined;
  server.onRecipientLater = () => new Promise((resolve) => (refuseNow = resolve));
  server.onRecipient = () => refuse("5.1.1 nobody of that name");
  gateway.start();
  await submit(["bob@friend.example"]);
  expect((await mail.messages("Sent")).length).toBe(1);
  refuseNow();
  await until(() => reports.length === 1);
  expect(reports[0]).toMatchObject({ action: "failed", status: "5.1.1" });
});

test("an address that may not be written to by e-mail is refused at RCPT", async () => {
  account();
  forbidden.add("bob@friend.example");
  await sink.checkRecipient({ address: "carol@friend.example" }, ADDRESS);
  await expect(sink.checkRecipient({ address: "bob@friend.example" }, ADDRESS)).rejects.toMatchObject({ code: 550 });
});

test("a wrong password is told once and not tried again and again; a new one sets everything going", async () => {
  account();
  const { id } = gateway.accounts.list()[0] ?? { id: 0 };
  gateway.accounts.setSecret(id, { kind: "password", password: "wrong" });
  gateway.start();
  await submit(["bob@friend.example"]);
  await until(() => (gateway.outbox.list()[0]?.delivery.attempts ?? 0) === 1);
  const tried = server.connections;
  for (let more = 0; more < 5; more++) await submit(["bob@friend.example"]);
  await until(() => gateway.outbox.list().every(({ delivery }) => delivery.attempts > 0));
  expect(server.connections).toBe(tried);
  expect(notices.map(({ subject }) => subject)).toEqual(["Your mail provider refuses the login"]);
  expect(notices[0]?.text).toMatch(/5\.7\.8 no such user[^]*postern gateway password ann@old\.example/);
  expect(JSON.stringify([notices, gateway.outbox.list()])).not.toContain('"wrong"');
  expect(gateway.outbox.nextAt(id)).toBe(now + (REFUSED_DELAYS[0] ?? 0));
  gateway.accounts.setSecret(id, PASSWORD);
  await gateway.reload(ADDRESS);
  await until(() => server.taken.length === 6 && gateway.outbox.list().length === 0);
});

test("a refusal of a letter that contacts have got already is reported for every old recipient", async () => {
  account();
  server.onData = () => {
    throw reply(554, "5.7.1 looks like spam");
  };
  gateway.start();
  await submit(["bob@friend.example", "carol@friend.example", "vera@postern.alt"]);
  await until(() => reports.length === 2);
  expect(reports.map(({ action, status }) => [action, status])).toEqual([
    ["failed", "5.7.1"],
    ["failed", "5.7.1"],
  ]);
});

test("a letter waits while the provider is away or says so, and leaves once when it is back", async () => {
  account();
  await server.stop();
  gateway.start();
  await submit(["bob@friend.example"]);
  await until(() => (gateway.outbox.list()[0]?.delivery.attempts ?? 0) === 1);
  await gateway.close();
  await server.resume();
  let greylisted = 0;
  server.onRecipient = () => {
    if (greylisted++ === 0) throw reply(451, "4.7.1 come back later");
  };
  now += 61_000;
  gateway.start();
  await until(() => (gateway.outbox.list()[0]?.delivery.attempts ?? 0) === 2);
  expect(gateway.outbox.list()[0]?.delivery.words).toContain("come back later");
  await gateway.close();
  now += 301_000;
  gateway.start();
  await until(() => server.taken.length === 1 && gateway.outbox.list().length === 0);
  expect(reports.filter(({ action }) => action === "failed")).toEqual([]);
});

test("a provider that is down for a day is tried less and less often, the user hears of it once, and the letter leaves once", async () => {
  account();
  await server.stop();
  await submit(["bob@friend.example"]);
  const began = now;
  const attempts: number[] = [];
  while (now - began < 24 * 60 * 60_000) {
    gateway.start();
    const before = attempts.length;
    await until(() => (gateway.outbox.list()[0]?.delivery.attempts ?? 0) > before);
    attempts.push(Math.round((now - began) / 60_000));
    await gateway.close();
    now = gateway.outbox.list()[0]?.delivery.nextAt ?? Number.POSITIVE_INFINITY;
  }
  // Minutes.
  expect(attempts).toEqual([0, 1, 6, 21, 81, 321, 561, 801, 1_041, 1_281]);
  await server.resume();
  gateway.start();
  await until(() => reports.length === 2 && gateway.outbox.list().length === 0);
  expect([server.taken.length, ...reports.map(({ action }) => action)]).toEqual([1, "delayed", "relayed"]);
  const notices = (await mail.messages("INBOX")).filter(({ text }) => text.includes("Action: delayed"));
  expect(notices).toHaveLength(1);
  expect(notices[0]?.text).toContain("cannot be reached");
});

test("after five days a letter is given up with the last answer", async () => {
  account();
  server.onRecipient = () => {
    throw reply(452, "4.2.2 mailbox full");
  };
  gateway.start();
  await submit(["bob@friend.example"]);
  await until(() => (gateway.outbox.list()[0]?.delivery.attempts ?? 0) === 1);
  await gateway.close();
  now += SEND_LIMIT;
  gateway.start();
  await until(() => reports.some(({ action }) => action === "failed"));
  expect(reports.at(-1)).toMatchObject({ status: "5.4.7", words: expect.stringContaining("mailbox full") });
  expect(gateway.outbox.list()).toEqual([]);
});

test("what is larger than the provider takes is refused at once", async () => {
  account("allowed", ADDRESS, 1_000_000);
  gateway.start();
  await expect(submit(["bob@friend.example"], LETTER + "x".repeat(1_100_000))).rejects.toMatchObject({
    code: 552,
    message: expect.stringContaining("at most 1 MB"),
  });
  expect((await mail.messages("Sent")).length).toBe(0);
  expect(mail.db.sqlite.prepare("SELECT count(*) FROM gateway_piece").pluck().get()).toBe(0);
});

test("an account with letters that wait is not forgotten", async () => {
  account();
  await server.stop();
  await submit(["bob@friend.example"]);
  await expect(gateway.remove(ADDRESS)).rejects.toMatchObject({ code: "busy" });
});
