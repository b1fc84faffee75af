import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { expect, test } from "@jest/globals";
import { TwoPeople } from "../end-to-end/two-people.ts";

/** Octets of a process's memory that are not in files. */
function memory(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Opens so many connections, says this on each, and resolves once each was answered or closed. */
async function leave(port: number, count: number, text: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createConnection(port, "127.0.0.1");
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.write(text);
      await new Promise<void>((resolve) => {
        socket.once("data", () => resolve());
        socket.once("close", () => resolve());
      });
    }),
  );
  return sockets;
}

test("connections that are opened and left, again and again, keep no mail program out and leave no memory behind", async () => {
  const people = await TwoPeople.meet();
  const { bob } = people;
  try {
    const reader = await bob.imap();
    const { pid } = bob.bridge;
    const { port } = bob.bridge.place("imap");
    const rounds: number[] = [];
    for (let round = 0; round < 4; round++) {
      const left = await leave(port, 1000, "a1 LOGIN {10}\r\n");
      await reader.noop();
      const late = await bob.imap();
      await late.logout();
      rounds.push(memory(pid));
      for (const socket of left) socket.destroy();
    }
    expect(Math.max(...rounds)).toBeLessThan((rounds[0] ?? 0) + 50_000_000);
    await reader.logout();
  } finally {
    await people.part();
  }
}, 120_000);
