import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Failure } from "../../foundation/failure.ts";
import { WHOLE_MESSAGE } from "../../smtp-front/limits.ts";
import { SmtpReply } from "../../smtp-front/submission.ts";
import { FakeSink, plain, startTestServer, Talk } from "./harness.ts";

let sink: FakeSink;
let server: Awaited<ReturnType<typeof startTestServer>>;

beforeEach(async () => {
  sink = new FakeSink();
  server = await startTestServer(sink);
});

afterEach(() => server.stop());

async function beginData(talk: Talk): Promise<void> {
  await talk.ask("MAIL FROM:<ann@x.example>");
  await talk.ask("RCPT TO:<bob@y.example>");
  expect(await talk.ask("DATA")).toMatch(/^354 /);
}

test("one port takes TLS from the first octet and STARTTLS", async () => {
  const implicit = Talk.tls(server.port);
  expect(await implicit.reply()).toBe("220 localhost ESMTP");
  const explicit = Talk.plain(server.port);
  expect(await explicit.reply()).toBe("220 localhost ESMTP");
  await explicit.ask("EHLO me");
  expect(await explicit.ask("STARTTLS")).toMatch(/^220 /);
  await explicit.upgrade();
  expect(await explicit.ask("EHLO me")).toContain("AUTH PLAIN LOGIN");
  expect(await explicit.ask(`AUTH PLAIN ${plain("ann", "secret")}`)).toMatch(/^235 2\.7\.0 /);
  implicit.end();
  explicit.end();
});

test("the extensions are announced, AUTH under TLS alone", async () => {
  const clear = Talk.plain(server.port);
  await clear.reply();
  const offered = (await clear.ask("EHLO me")).split("\r\n").map((line) => line.slice(4));
  expect(offered.slice(1)).toEqual([
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "DSN",
    "STARTTLS",
    "SIZE 104857600",
  ]);
  expect(await clear.ask(`AUTH PLAIN ${plain("ann", "secret")}`)).toMatch(/^538 5\.7\.11 /);
  expect(await clear.ask("MAIL FROM:<ann@x.example>")).toMatch(/^530 5\.7\.0 /);
  const secure = Talk.tls(server.port);
  await secure.reply();
  expect(await secure.ask("EHLO me")).toMatch(/250-AUTH PLAIN LOGIN\r\n250 SIZE/);
  clear.end();
  secure.end();
});

test("AUTH LOGIN works, with and without an initial response", async () => {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  for (const first of [["AUTH LOGIN", encode("ann")], [`AUTH LOGIN ${encode("ann")}`]]) {
    const talk = Talk.tls(server.port);
    await talk.reply();
    await talk.ask("EHLO me");
    for (const line of first) expect(await talk.ask(line)).toMatch(/^334 /);
    expect(await talk.ask(encode("secret"))).toMatch(/^235 2\.7\.0 /);
    talk.end();
  }
});

test("a wrong password is 535 5.7.8, and the fifth on one connection ends it", async () => {
  const talk = Talk.tls(server.port);
  await talk.reply();
  await talk.ask("EHLO me");
  for (let tries = 0; tries < 4; tries++)
    expect(await talk.ask(`AUTH PLAIN ${plain("ann", "no")}`)).toMatch(/^535 5\.7\.8 /);
  expect(await talk.ask(`AUTH PLAIN ${plain("ann", "no")}`)).toMatch(/^421 4\.7\.0 /);
  await talk.untilClosed();
});

test("an authenticator that cannot tell is 454 4.7.0, not a wrong password", async () => {
  const locked = await startTestServer(sink, {
    authenticator: { login: () => Promise.reject(new Failure("locked", "the vault is closed")) },
  });
  const talk = Talk.tls(locked.port);
  await talk.reply();
  await talk.ask("EHLO me");
  expect(await talk.ask(`AUTH PLAIN ${plain("ann", "secret")}`)).toBe("454 4.7.0 the vault is closed");
  talk.end();
  await locked.stop();
});

test("the sink's refusals are told at MAIL and RCPT in its own words", async () => {
  sink.sender = (address) => {
    if (address !== "ann@x.example") throw new SmtpReply(553, "5.7.1", "not yours");
  };
  sink.recipient = ({ address }) => {
    if (address === "stranger@y.example") throw new SmtpReply(550, "5.1.1", "no such contact");
    if (address === "full@y.example") throw new Failure("full", "the disk is full");
    if (address === "bug@y.example") throw new TypeError("bug of bug@y.example");
  };
  const talk = await Talk.ready(server.port);
  expect(await talk.ask("MAIL FROM:<eve@x.example>")).toBe("553 5.7.1 not yours");
  expect(await talk.ask("MAIL FROM:<ann@x.example>")).toMatch(/^250 2\.1\.0 /);
  expect(await talk.ask("RCPT TO:<stranger@y.example>")).toBe("550 5.1.1 no such contact");
  expect(await talk.ask("RCPT TO:<full@y.example>")).toBe("452 4.3.1 the disk is full");
  expect(await talk.ask("RCPT TO:<bug@y.example>")).toMatch(/^451 4\.3\.0 (?!.*bug@)/);
  expect(await talk.ask("RCPT TO:<bob@y.example>")).toMatch(/^250 2\.1\.5 /);
  expect(server.log).toContainEqual(["error", "submission failed"]);
  talk.end();
});

test("what delivery notifications ask for is handed on, and a refused MAIL leaves nothing behind", async () => {
  let refuse = true;
  sink.sender = () => {
    if (refuse) throw new SmtpReply(451, "4.3.0", "not now");
  };
  const talk = await Talk.ready(server.port);
  await talk.ask("MAIL FROM:<ann@x.example> RET=FULL ENVID=old");
  refuse = false;
  await talk.ask("MAIL FROM:<ann@x.example> RET=HDRS ENVID=a+2Bb SIZE=100 BODY=8BITMIME");
  await talk.ask("RCPT TO:<bob@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2Bx@y.example");
  await talk.ask("RCPT TO:<carol@y.example> NOTIFY=NEVER");
  await talk.ask("RCPT TO:<dave@y.example>");
  expect(await talk.ask("RCPT TO:<x@y.example> NOTIFY=NEVER,DELAY")).toMatch(/^501 5\.5\.4 /);
  await talk.ask("DATA");
  expect(await talk.ask("Subject: x\r\n\r\nhi\r\n.")).toBe("250 2.6.0 Accepted as message-1");
  await talk.ask("MAIL FROM:<>");
  await talk.ask("RCPT TO:<bob@y.example>");
  await talk.ask("DATA");
  await talk.ask("\r\n.");
  expect(sink.taken[0]).toMatchObject({
    from: "ann@x.example",
    ret: "hdrs",
    envid: "a+b",
    recipients: [
      { address: "bob@y.example", notify: ["success", "delay"], originalRecipient: "rfc822;bob+x@y.example" },
      { address: "carol@y.example", notify: ["never"] },
      { address: "dave@y.example" },
    ],
  });
  expect(sink.taken[1]).toEqual({ from: "", recipients: [{ address: "bob@y.example" }], content: Buffer.from("\r\n") });
  talk.end();
});

test("addresses come as they were written", async () => {
  const talk = await Talk.ready(server.port);
  await talk.ask("MAIL FROM:<Ann@xn--bcher-kva.example>");
  await talk.ask("RCPT TO:<Bob+Tag@XN--bcher-kva.example>");
  await talk.ask("DATA");
  await talk.ask(".");
  await talk.ask("MAIL FROM:<ann@x.example> SMTPUTF8");
  await talk.ask("RCPT TO:<jörg@bücher.example>");
  await talk.ask("DATA");
  await talk.ask(".");
  expect(sink.taken[0]?.from).toBe("Ann@xn--bcher-kva.example");
  expect(sink.taken[0]?.recipients[0]?.address).toBe("Bob+Tag@XN--bcher-kva.example");
  expect(sink.taken[1]?.recipients[0]?.address).toBe("jörg@bücher.example");
  talk.end();
});

test("a message above the limit is refused at MAIL and after DATA, and the connection goes on", async () => {
  sink.sizeLimit = 1_000;
  const talk = await Talk.ready(server.port);
  expect(await talk.ask("MAIL FROM:<ann@x.example> SIZE=1001")).toMatch(/^552 5\.3\.4 /);
  await beginData(talk);
  talk.socket.write("x".repeat(3_000_000));
  expect(await talk.ask("\r\n.")).toMatch(/^552 5\.3\.4 /);
  await beginData(talk);
  expect(await talk.ask(`${"x".repeat(998)}\r\n.`)).toMatch(/^250 2\.6\.0 /);
  expect(sink.taken).toHaveLength(1);
  talk.end();
});

test("one recipient too many is 452 4.5.3", async () => {
  const few = await startTestServer(sink, { limits: { recipients: 2, helloWait: 20 } });
  const talk = await Talk.ready(few.port);
  await talk.ask("MAIL FROM:<ann@x.example>");
  await talk.ask("RCPT TO:<a@y.example>");
  await talk.ask("RCPT TO:<b@y.example>");
  expect(await talk.ask("RCPT TO:<c@y.example>")).toMatch(/^452 4\.5\.3 /);
  talk.end();
  await few.stop();
});

test.each([
  [new Failure("full", "the disk is full"), /^452 4\.3\.1 the disk is full/],
  [new SmtpReply(554, "5.6.0", "no"), /^554 5\.6\.0 no/],
  [new Error("a bug"), /^451 4\.3\.0 (?!.*bug)/],
])("what the sink throws after DATA is told as it is: %s", async (error, reply) => {
  sink.beforeTaking = () => Promise.reject(error);
  const talk = await Talk.ready(server.port);
  await beginData(talk);
  expect(await talk.ask("x\r\n.")).toMatch(reply);
  sink.beforeTaking = () => undefined;
  await beginData(talk);
  expect(await talk.ask("x\r\n.")).toMatch(/^250 2\.6\.0 /);
  talk.end();
});

test("250 comes only once the sink has the message", async () => {
  let take: () => void = () => undefined;
  sink.beforeTaking = () =>
    new Promise<void>((resolve) => {
      take = resolve;
    });
  const talk = await Talk.ready(server.port);
  await beginData(talk);
  const answer = talk.ask("x\r\n.");
  const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 50, "silence"))]);
  expect(early).toBe("silence");
  take();
  expect(await answer).toMatch(/^250 2\.6\.0 /);
  talk.end();
});

test("a client that goes away in the middle of a message that streams has sent nothing", async () => {
  const failed = new Promise<unknown>((resolve) => {
    const submit = sink.submit.bind(sink);
    sink.submit = (submission) => {
      const result = submit(submission);
      result.catch(resolve);
      return result;
    };
  });
  const talk = await Talk.ready(server.port);
  await beginData(talk);
  talk.socket.write("half a message".repeat(10_000));
  setTimeout(() => talk.end(), 20);
  expect(await failed).toBeInstanceOf(Error);
  expect(sink.taken).toEqual([]);
});

test("half of a small message never comes to the sink", async () => {
  let submissions = 0;
  sink.submit = async () => ({ id: String(++submissions) });
  const talk = await Talk.ready(server.port);
  await beginData(talk);
  await new Promise((resolve) => talk.socket.write("half a mess", resolve));
  talk.end();
  await server.stop();
  expect(submissions).toBe(0);
});

test("a message that just fits is handed on whole, one octet more streams, and the next one is its own", async () => {
  const kinds: boolean[] = [];
  const submit = sink.submit.bind(sink);
  sink.submit = (submission) => {
    kinds.push(Buffer.isBuffer(submission.content));
    return submit(submission);
  };
  const talk = await Talk.ready(server.port);
  for (const octets of [WHOLE_MESSAGE, WHOLE_MESSAGE + 1, 2]) {
    await beginData(talk);
    const content = `${"x".repeat(octets - 2)}\r\n`;
    expect(await talk.ask(`${content}.`)).toMatch(/^250 2\.6\.0 /);
    expect(sink.taken.at(-1)?.content.toString()).toBe(content);
  }
  expect(kinds).toEqual([true, false, true]);
  talk.end();
});

test("replies to commands that came together leave together", async () => {
  const talk = await Talk.ready(server.port);
  const chunks: string[] = [];
  talk.socket.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  talk.socket.write("NOOP\r\nMAIL FROM:<ann@x.example>\r\nRCPT TO:<bob@y.example>\r\nDATA\r\n");
  while (!chunks.join("").includes("\r\n354 ")) await once(talk.socket, "data");
  expect(chunks.at(-1)).toMatch(/^250 2\.1\.0 .*\r\n250 2\.1\.5 .*\r\n354 .*\r\n$/);
  talk.end();
});

test("pipelined commands are answered in order", async () => {
  const talk = await Talk.ready(server.port);
  talk.socket.write("MAIL FROM:<ann@x.example>\r\nRCPT TO:<bob@y.example>\r\nDATA\r\n");
  expect([await talk.reply(), await talk.reply(), await talk.reply()].map((line) => line.slice(0, 3))).toEqual([
    "250",
    "250",
    "354",
  ]);
  talk.socket.write("a\r\n.\r\nMAIL FROM:<ann@x.example>\r\nQUIT\r\n");
  expect([await talk.reply(), await talk.reply(), await talk.reply()].map((line) => line.slice(0, 3))).toEqual([
    "250",
    "250",
    "221",
  ]);
  await talk.untilClosed();
});

test.each(["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST http://x/ HTTP/1.1\r\n\r\nEHLO me\r\n"])(
  "an HTTP request is not answered: %j",
  async (request) => {
    for (const wait of [0, 60]) {
      const talk = Talk.plain(server.port);
      setTimeout(() => talk.socket.write(request), wait);
      await talk.untilClosed();
    }
    expect(server.log).toContainEqual(["warn", "an HTTP request came to the submission port"]);
  },
);

test("a TLS hello that comes too late is logged with what to do", async () => {
  const talk = Talk.plain(server.port);
  await talk.reply();
  talk.socket.write(Buffer.from([0x16, 3, 1, 0, 5]));
  await talk.untilClosed();
  expect(server.log).toContainEqual(["warn", "a TLS hello came after the greeting: set the mail program to STARTTLS"]);
});

test("commands sent in the clear behind STARTTLS are forgotten", async () => {
  const talk = Talk.plain(server.port);
  await talk.reply();
  await talk.ask("EHLO me");
  talk.socket.write("STARTTLS\r\nEHLO injected\r\n");
  expect(await talk.reply()).toMatch(/^220 /);
  await talk.upgrade();
  expect(await talk.ask("NOOP")).toMatch(/^250 2\.0\.0 OK/);
  talk.end();
});

test("a taken port is told", async () => {
  await expect(startTestServer(sink, { port: server.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("stopping says goodbye to idle connections and lets a message finish", async () => {
  const idle = await Talk.ready(server.port);
  const busy = await Talk.ready(server.port);
  await beginData(busy);
  busy.socket.write("x");
  const reachedSink = new Promise((resolve) => setTimeout(resolve, 30));
  await reachedSink;
  const stopped = server.stop();
  expect(await idle.reply()).toMatch(/^421 4\.3\.2 /);
  expect(await busy.ask("\r\n.")).toMatch(/^250 2\.6\.0 /);
  expect(await busy.ask("NOOP")).toMatch(/^421 4\.3\.2 /);
  await stopped;
  expect(sink.taken).toHaveLength(1);
});
