import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { connectOperations } from "../../bridge/control/client.ts";
import { MAX_REQUEST_LINE } from "../../bridge/control/protocol.ts";
import { type ControlServer, startControlServer } from "../../bridge/control/server.ts";
import { homePaths } from "../../bridge/home/home.ts";
import { OPERATION_NAMES, type Operations } from "../../bridge/operations/operations.ts";
import { Failure, type FailureCode } from "../../foundation/failure.ts";

const TOKEN = "the-token-of-this-home";

let home: string;
let server: ControlServer;
let log: string[];
let calls: [operation: string, request: unknown][];
/** What the operations do; each records its call first. */
let behave: Partial<Operations>;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "postern-control-"));
  log = [];
  calls = [];
  behave = {};
  const operations = Object.fromEntries(
    OPERATION_NAMES.map((name) => [
      name,
      async (request: unknown, onProgress: unknown) => {
        calls.push([name, request]);
        return await (behave[name] as ((...args: unknown[]) => unknown) | undefined)?.(request, onProgress);
      },
    ]),
  ) as unknown as Operations;
  server = await startControlServer({
    token: TOKEN,
    operations,
    logger: (level, event, details) => void log.push(`${level} ${event} ${JSON.stringify(details)}`),
  });
  announce(server.port, TOKEN);
});

afterEach(async () => {
  await server.stop();
  rmSync(home, { recursive: true });
});

function announce(port: number, token: string): void {
  writeFileSync(homePaths(home).running, JSON.stringify({ pid: process.pid, control: { port, token } }));
}

/** All that the server answers to these octets before it closes the connection. */
async function say(...chunks: (string | Buffer)[]): Promise<string> {
  const socket = connect(server.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (bytes) => (answer += bytes.toString()));
  socket.on("error", () => undefined);
  for (const chunk of chunks) socket.write(chunk);
  await once(socket, "close");
  return answer;
}

const request = (fields: object) =>
  `${JSON.stringify({ token: TOKEN, operation: "invite", request: {}, ...fields })}\n`;

test("every operation can be called by its name, with its request and its result", async () => {
  const operations = await connectOperations(homePaths(home));
  for (const name of OPERATION_NAMES) {
    behave = { [name]: async (given: unknown) => ({ given, of: name }) };
    const call = operations[name] as (request: unknown) => Promise<unknown>;
    expect(await call({ name: "zoë\n\u2028" })).toEqual({ given: { name: "zoë\n\u2028" }, of: name });
  }
  expect(calls.map(([name]) => name)).toEqual([...OPERATION_NAMES]);
});

test("progress comes before the result, in order", async () => {
  behave = {
    importMail: async (_request, onProgress) => {
      for (const done of [1, 2, 3]) onProgress?.({ done, added: done, tooBig: 0 });
      return { done: 3, added: 3, tooBig: 0 };
    },
  };
  const progress: number[] = [];
  const operations = await connectOperations(homePaths(home));
  const result = await operations.importMail({ path: "/x", folder: "y" }, ({ done }) => progress.push(done));
  expect(progress).toEqual([1, 2, 3]);
  expect(result).toEqual({ done: 3, added: 3, tooBig: 0 });
});

test.each<FailureCode>([
  "locked",
  "nonexistent",
  "already-exists",
  "unavailable",
  "full",
  "damaged",
  "too-big",
  "forbidden",
])("a failure travels with its code: %s", async (code) => {
  behave = {
    async contacts() {
      throw new Failure(code, "what to do next");
    },
  };
  const operations = await connectOperations(homePaths(home));
  await expect(operations.contacts()).rejects.toMatchObject({ name: "Failure", code, message: "what to do next" });
  expect(log).toEqual([]);
});

test("a full disk inside an operation is a failure with a name", async () => {
  behave = {
    async invite() {
      throw Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
    },
  };
  const operations = await connectOperations(homePaths(home));
  await expect(operations.invite({})).rejects.toMatchObject({ name: "Failure", code: "full" });
});

test("a bug is logged with its cause, and the caller is sent to the log", async () => {
  behave = {
    async contacts() {
      throw new TypeError("inner workings");
    },
  };
  const operations = await connectOperations(homePaths(home));
  const failed = operations.contacts();
  await expect(failed).rejects.toThrow(/its log says more/);
  await expect(failed).rejects.not.toThrow(/inner workings/);
  await expect(failed).rejects.not.toHaveProperty("name", "Failure");
  expect(log).toEqual([expect.stringMatching(/^error .*inner workings/)]);
});

test("a wrong token gets no answer, and nothing is done", async () => {
  for (const token of ["", "the-token-of-this-hom", "the-token-of-this-homE", `${TOKEN} `])
    expect(await say(request({ token }))).toBe("");
  expect(calls).toEqual([]);
  announce(server.port, "another");
  await expect((await connectOperations(homePaths(home))).status()).rejects.toMatchObject({ code: "unavailable" });
});

test.each([
  "\n",
  "hello\n",
  "[]\n",
  "null\n",
  '{"token":1}\n',
  "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  '{"token":{"length":22}}\n',
])("%j is no request: the connection is closed without an answer", async (text) => {
  expect(await say(text)).toBe("");
  expect(calls).toEqual([]);
});

test("a request that is too large is cut off, with or without its line end", async () => {
  const large = "x".repeat(MAX_REQUEST_LINE);
  expect(await say(large, "more")).toBe("");
  expect(await say(request({ request: large }))).toBe("");
  expect(calls).toHaveLength(0);
});

test("only the operations of the list can be called", async () => {
  for (const operation of ["constructor", "__proto__", "toString", "shutdown", ""])
    expect(JSON.parse(await say(request({ operation })))).toMatchObject({ error: { code: "invalid" } });
  expect(calls).toEqual([]);
});

test("one connection asks once: a second request on it is not done", async () => {
  behave = { invite: async () => ({ invite: "i", id: "1", expiresAt: "later" }) };
  expect((await say(request({}) + request({}))).trim().split("\n")).toHaveLength(1);
  expect(calls).toHaveLength(1);
});

test("a caller that goes away in the middle does no harm", async () => {
  let finish: (() => void) | undefined;
  const called = new Promise<void>((begun) => {
    behave = {
      contacts: async () => {
        begun();
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return { contacts: [], pending: [] };
      },
    };
  });
  const socket = connect(server.port, "127.0.0.1");
  socket.write(request({ operation: "contacts" }));
  await called;
  socket.destroy();
  await once(socket, "close");
  finish?.();
  behave = {};
  expect(JSON.parse(await say(request({ operation: "status" })))).toEqual({});
  expect(log).toEqual([]);
});

test("where no bridge has said that it is ready, the caller is told to try again", async () => {
  rmSync(homePaths(home).running);
  await expect(connectOperations(homePaths(home))).rejects.toMatchObject({ code: "unavailable" });
  writeFileSync(homePaths(home).running, "{");
  await expect(connectOperations(homePaths(home))).rejects.toMatchObject({ code: "unavailable" });
});

test("where nobody listens any more, the caller is told so", async () => {
  const { port } = server;
  await server.stop();
  announce(port, TOKEN);
  const operations = await connectOperations(homePaths(home));
  await expect(operations.status()).rejects.toMatchObject({ name: "Failure", code: "unavailable" });
  server = { port, stop: async () => undefined };
});

test("stopping does not wait for callers that never ask", async () => {
  const socket = connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  const closed = once(socket, "close");
  await server.stop();
  await closed;
  server = { port: 0, stop: async () => undefined };
});

test("the token stands in no file but running.json", () => {
  expect(readFileSync(homePaths(home).running, "utf8")).toContain(TOKEN);
  expect(log.join()).not.toContain(TOKEN);
});
