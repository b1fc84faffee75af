import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { errorCode } from "../../foundation/failure.ts";
import { type Envelope, type Refusal, SmtpSession } from "../../legacy-gateway/provider/smtp-connection.ts";

const PATIENCE = { connect: 400, silence: 400, letter: 1_500 };
const ENVELOPE: Envelope = { from: "ann@old.example", recipients: ["bob@friend.example"], size: 20, eightBit: false };

let server: Server;
let sockets: Set<Socket>;
let bugs: unknown[];
const noteBug = (error: unknown): void => void bugs.push(error);

beforeEach(() => {
  bugs = [];
  sockets = new Set();
  process.on("uncaughtException", noteBug);
  process.on("unhandledRejection", noteBug);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, "close");
  process.off("uncaughtException", noteBug);
  process.off("unhandledRejection", noteBug);
  expect(bugs).toEqual([]);
});

/** What a server makes of a line; `undefined` as a line is the beginning. True: it has answered. */
type Twist = (line: string | undefined, socket: Socket) => boolean;

async function listen(twist: Twist): Promise<number> {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (!twist(undefined, socket)) socket.write("220 there\r\n");
    let data = false;
    createInterface({ input: socket })
      .on("error", () => undefined)
      .on("line", (line) => {
        if (data && line !== ".") return;
        if (twist(line, socket)) return;
        data = line === "DATA";
        const [verb] = line.split(" ");
        const answers: Record<string, string> = {
          EHLO: "250-there\r\n250 AUTH PLAIN",
          AUTH: "235 in",
          DATA: "354 go on",
        };
        socket.write(`${answers[verb ?? ""] ?? "250 2.0.0 fine"}\r\n`);
      });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}

/** What becomes of a letter: the refusals, or the code of the failure. */
async function send(port: number): Promise<(Refusal | undefined)[] | string> {
  let session: SmtpSession | undefined;
  try {
    session = await SmtpSession.open({
      server: { host: "127.0.0.1", port, security: "none" },
      login: async () => ({ user: "ann", password: "secret" }),
      isolation: "ann",
      patience: PATIENCE,
    });
    const content = (async function* () {
      yield Buffer.from("Subject: hello\r\n\r\nHi\r\n");
    })();
    return [...(await session.send(ENVELOPE, content)).values()];
  } catch (error) {
    return errorCode(error);
  } finally {
    session?.close();
  }
}

const drip = (socket: Socket, text: string): void => {
  const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(text)), 20);
};

test("a server that behaves takes the letter", async () => {
  expect(await send(await listen(() => false))).toEqual([undefined]);
});

test.each<[string, Twist]>([
  ["greets without end", (line, socket) => line === undefined && (drip(socket, "220-and\r\n"), true)],
  ["greets with a line of 10 MB", (line, socket) => line === undefined && (socket.write("2".repeat(10_000_000)), true)],
  ["says nothing", (line) => line === undefined],
  ["answers EHLO an octet at a time", (line, socket) => line?.startsWith("EHLO") === true && (drip(socket, "2"), true)],
  [
    "answers AUTH without end",
    (line, socket) => line?.startsWith("AUTH") === true && (drip(socket, "235-in\r\n"), true),
  ],
  ["hangs at RCPT", (line) => line?.startsWith("RCPT") === true],
  ["closes in DATA", (line, socket) => line === "." && (socket.destroy(), true)],
  ["drips after DATA", (line, socket) => line === "." && (drip(socket, "250-ok\r\n"), true)],
  ["says good-bye at MAIL", (line, socket) => line?.startsWith("MAIL") === true && (socket.end("421 bye\r\n"), true)],
])("a server that %s is given up in time, and the letter waits", async (_what, twist) => {
  expect(await send(await listen(twist))).toBe("unavailable");
});

test("what a server says before it was asked is no answer to anything", async () => {
  const port = await listen((line, socket) => {
    if (line !== undefined) return false;
    socket.write("220 there\r\n250 fine\r\n235 in\r\n250 fine\r\n250 fine\r\n354 go on\r\n250 taken\r\n");
    return true;
  });
  const outcome = await send(port);
  // Whatever nodemailer makes of it, a letter is not taken for delivered before its last octet was sent.
  expect(outcome === "unavailable" || Array.isArray(outcome)).toBe(true);
});

test("whatever a server answers, sending ends, and nothing but a Failure or a refusal comes of it", async () => {
  const reply = fc.oneof(
    fc.constantFrom(
      "250 ok",
      "354 go on",
      "550 5.1.1 no",
      "452 4.2.2 full",
      "421 bye",
      "999 what",
      "250-more",
      "",
      "\0",
      "235 in",
    ),
    fc.string({ maxLength: 40 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(reply, { maxLength: 8 }), async (replies) => {
      const left = [...replies];
      const port = await listen((line, socket) => {
        if (line === undefined) return false;
        const next = left.shift();
        if (next === undefined) socket.destroy();
        else socket.write(`${next}\r\n`);
        return true;
      });
      const outcome = await send(port);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
      expect(
        typeof outcome === "string" ? ["unavailable", "forbidden"].includes(outcome) : Array.isArray(outcome),
      ).toBe(true);
      // What is no 5xx loses no letter.
      if (Array.isArray(outcome) && outcome[0]?.temporary === false)
        expect(replies.some((one) => one.startsWith("5"))).toBe(true);
      if (Array.isArray(outcome) && outcome[0] === undefined) expect(replies.length).toBeGreaterThanOrEqual(6);
      server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
    }),
    { numRuns: 40, seed: 20261126 },
  );
}, 120_000);
