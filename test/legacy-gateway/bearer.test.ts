import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "@jest/globals";
import { SmtpSession } from "../../legacy-gateway/provider/smtp-connection.ts";

let server: Server | undefined;
afterEach(() => void server?.close());

/** A submission server with these mechanisms; what it is told is written down, and answered by `answer` after EHLO. */
async function listen(mechanisms: string, answer: (line: string) => string): Promise<{ port: number; said: string[] }> {
  const said: string[] = [];
  server = createServer((socket: Socket) => {
    socket.on("error", () => undefined);
    socket.write("220 there\r\n");
    createInterface({ input: socket }).on("line", (line) => {
      said.push(line);
      if (line.startsWith("EHLO")) socket.write(`250-there\r\n250 AUTH ${mechanisms}\r\n`);
      else socket.write(`${answer(line)}\r\n`);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return { port: address === null || typeof address === "string" ? 0 : address.port, said };
}

async function open(port: number): Promise<SmtpSession> {
  return await SmtpSession.open({
    server: { host: "127.0.0.1", port, security: "none" },
    login: async ({ refresh = false } = {}) => ({ user: "ann,b", accessToken: refresh ? "second" : "first" }),
    isolation: "ann",
  });
}

const decoded = (line: string | undefined): string => Buffer.from(line?.split(" ")[2] ?? "", "base64").toString();

test("where there is OAUTHBEARER it is used, as RFC 7628 section 3.1 has it", async () => {
  const { port, said } = await listen("PLAIN XOAUTH2 OAUTHBEARER", () => "235 2.7.0 welcome");
  (await open(port)).close();
  expect(said[1]).toMatch(/^AUTH OAUTHBEARER /);
  expect(decoded(said[1])).toBe(`n,a=ann=2Cb,\x01host=127.0.0.1\x01port=${port}\x01auth=Bearer first\x01\x01`);
});

test("elsewhere XOAUTH2, and a token is no password even where the server prefers those", async () => {
  const { port, said } = await listen("PLAIN LOGIN", () => "235 2.7.0 welcome");
  (await open(port)).close();
  expect(decoded(said[1])).toBe("user=ann,b\x01auth=Bearer first\x01\x01");
});

test("a token that was taken back before its time is fetched anew, once", async () => {
  const { port, said } = await listen("OAUTHBEARER", (line) => {
    if (line === "AQ==") return "535 5.7.8 no";
    return decoded(line).includes("second") ? "235 2.7.0 welcome" : `334 ${Buffer.from("{}").toString("base64")}`;
  });
  (await open(port)).close();
  expect(said.filter((line) => line.startsWith("AUTH"))).toHaveLength(2);
  expect(said).toContain("AQ==");
});
