/**
 * A letter through real onion services, in a private Tor net of this machine: two bridges, each with its own relay behind
 * an onion service, beside a plain echo over SOCKS and an onion service as the measure of what Tor gives. To be run in
 * a network namespace of its own: `npm run bench:tor`.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ImapFlow } from "imapflow";
import { SocksClient } from "socks";
import { onionKey } from "../bridge/network/onion-key.ts";
import { TorControl } from "../bridge/network/tor-control.ts";
import { formatLetter } from "../rig/letters.ts";
import { Person } from "../rig/person.ts";
import { PosternServer } from "../rig/postern-process.ts";
import { startTorNet, type TorClient, torInstalled } from "../rig/tor-net.ts";
import { readArguments } from "./arguments.ts";
import { percentile, row } from "./report.ts";
import { SmtpSession } from "./smtp-session.ts";

/** As many octets as one block of the relay's protocol, so that the echo does what a cell does. */
const BLOCK = 16_384;
const LETTERS = 20;
const LARGE = 4_194_304;
const ECHO_PORT = 25;
/** Milliseconds that an onion service may take from its being asked for until somebody gets through to it. */
const ONION_PATIENCE = 90_000;

const values = readArguments("npm run bench:tor -- [--json]   # --json: a JSON object a line", {
  json: { type: "boolean", default: false },
});
const report = row(values.json);

const outside = Object.keys(networkInterfaces()).filter((name) => name !== "lo");
if (outside.length > 0) throw new Error("this wants a network namespace with loopback alone: npm run bench:tor");
if (!torInstalled()) throw new Error("tor is not installed: apt-get install tor");

const scratch = mkdtempSync(join(tmpdir(), "postern-tor-"));
const undo: (() => Promise<unknown> | void)[] = [];
const started = performance.now();
const seconds = (from: number) => `${((performance.now() - from) / 1000).toFixed(1)} s`;

/** Repeats what fails until an onion service is known on the network. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + ONION_PATIENCE;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await pause(500);
    }
  }
}

async function echoFigures(server: TorClient, client: TorClient): Promise<void> {
  const sockets = new Set<Socket>();
  const echo = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const key = onionKey(randomBytes(32));
  const control = await TorControl.open(server.control);
  try {
    const target = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const asked = performance.now();
    await control.request(`ADD_ONION ED25519-V3:${key.blob} Flags=DiscardPK Port=${ECHO_PORT},${target}`);
    const { socket } = await patiently(() =>
      SocksClient.createConnection({
        proxy: { ...client.socks, type: 5 },
        command: "connect",
        destination: { host: key.host, port: ECHO_PORT },
        timeout: 20_000,
      }),
    );
    report("onion service asked for, until the first connection to it", seconds(asked));
    socket.setNoDelay(true);
    const block = randomBytes(BLOCK);
    const turns: number[] = [];
    for (let turn = 0; turn < 60; turn++) turns.push(await roundTrip(socket, block, 1));
    report(
      "plain echo of 16 KB over SOCKS and the onion service, median / 95th",
      `${percentile(turns, 50).toFixed(1)} / ${percentile(turns, 95).toFixed(1)} ms`,
    );
    const blocks = LARGE / BLOCK;
    const rate = (blocks * BLOCK) / 1e6 / ((await roundTrip(socket, block, blocks)) / 1000);
    report("plain echo, 4 MB at once", `${rate.toFixed(2)} MB/s each way`);
    socket.destroy();
  } finally {
    control.close();
    for (const socket of sockets) socket.destroy();
    echo.close();
  }
}

/** Milliseconds until so many blocks have come back. */
async function roundTrip(socket: Socket, block: Buffer, blocks: number): Promise<number> {
  const sent = performance.now();
  let left = block.length * blocks;
  const back = new Promise<void>((resolve, reject) => {
    const ended = () => reject(new Error("the echo ended"));
    const take = (piece: Buffer) => {
      left -= piece.length;
      if (left > 0) return;
      socket.off("data", take).off("close", ended);
      resolve();
    };
    socket.on("data", take).once("close", ended);
  });
  socket.resume();
  for (let count = 0; count < blocks; count++) socket.write(block);
  await back;
  return performance.now() - sent;
}

/** Somebody who reaches relays through Tor, and whose own one is an onion service: the bridge's, or the one that is given. */
async function behindTor(name: string, tor: TorClient, relayUrl?: string): Promise<Person> {
  const person = await Person.create(name, scratch, relayUrl);
  const file = join(person.home, "config.toml");
  const text = readFileSync(file, "utf8");
  const own =
    relayUrl === undefined ? text.replace("[relay]\n", `[relay]\nonion = "127.0.0.1:${tor.control.port}"\n`) : text;
  const overlay = /^\[overlay\]\n/m.test(own) ? own : `${own}\n[overlay]\n`;
  writeFileSync(
    file,
    overlay.replace(/^\[overlay\]\n/m, `[overlay]\nproxy = "socks5://127.0.0.1:${tor.socks.port}"\n`),
  );
  await person.start();
  undo.push(() => person.stop());
  return person;
}

function existsBeyond(client: ImapFlow, count: number): Promise<number> {
  return new Promise((resolve) => {
    const take = (data: { count: number }) => {
      if (data.count <= count) return;
      client.off("exists", take);
      resolve(performance.now());
    };
    client.on("exists", take);
  });
}

async function befriend(inviter: Person, invited: Person): Promise<void> {
  const { invite } = await inviter.command<{ invite: string }>("invite", "--name", "bob");
  await patiently(() => invited.command("accept", invite, "--name", "alice"));
  await patiently(async () => {
    const { pending, contacts } = await invited.command<{ pending: unknown[]; contacts: unknown[] }>("contacts");
    if (pending.length > 0 || contacts.length === 0) throw new Error("the invite is not answered yet");
  });
}

/** Two others with a relay of its own, which has what was sent while the sender's bridge is off: large letters are blobs there. */
async function sharedRelay(server: TorClient, client: TorClient): Promise<void> {
  const key = onionKey(randomBytes(32));
  const home = join(scratch, "relay");
  const where = ["--home", home, "--listen", "127.0.0.1:0"] as const;
  const relay = await PosternServer.start(scratch, "relay", ...where, "--advertise", key.host);
  undo.push(() => relay.stop());
  const port = new URL(relay.url.replace("postern-relay:", "http:")).port;
  const control = await TorControl.open(server.control);
  undo.push(() => control.close());
  await control.request(`ADD_ONION ED25519-V3:${key.blob} Flags=DiscardPK Port=${port},127.0.0.1:${port}`);
  const carol = await behindTor("carol", server, relay.url);
  const dave = await behindTor("dave", client, relay.url);
  await befriend(carol, dave);
  await letterFigures(carol, dave, "by a relay of its own: ");
}

async function letterFigures(alice: Person, bob: Person, how = ""): Promise<void> {
  const inbox = await bob.imap();
  undo.push(() => inbox.close());
  await inbox.mailboxOpen("INBOX");
  void (async () => {
    while (inbox.usable) await inbox.idle().catch(() => undefined);
  })();
  const session = await SmtpSession.open(alice);
  const envelope = { from: alice.account.address, to: "bob@postern.alt" };
  const latencies: number[] = [];
  const deliver = async (size: number, count: number): Promise<number> => {
    const body = randomBytes(Math.ceil(size * 0.74))
      .toString("base64")
      .replace(/(.{76})/g, "$1\r\n")
      .slice(0, size);
    const header = { From: envelope.from, To: envelope.to, Subject: "by onion", "Message-ID": `<${count}@bench>` };
    const arrival = existsBeyond(inbox, count);
    const { dataEnded } = await session.send(envelope, formatLetter(header, `${body}\r\n`));
    return (await arrival) - dataEnded;
  };
  const first = await deliver(4_000, 0);
  report(`${how}first letter, from the end of DATA to the recipient's IDLE EXISTS`, `${first.toFixed(0)} ms`);
  for (let sent = 1; sent <= LETTERS; sent++) latencies.push(await deliver(4_000, sent));
  report(
    `${how}letters of 4 KB, end of DATA to EXISTS, median / 95th`,
    `${percentile(latencies, 50).toFixed(1)} / ${percentile(latencies, 95).toFixed(1)} ms`,
  );
  const large = await deliver(LARGE, LETTERS + 1);
  report(`${how}a letter of 4 MB, end of DATA to EXISTS`, `${(LARGE / 1e6 / (large / 1000)).toFixed(2)} MB/s`);
  await session.close();
}

try {
  const net = await startTorNet(scratch, 2);
  undo.push(() => net.stop());
  report("private Tor net of 5 authorities and 2 clients ready", seconds(started));
  const [first, second] = net.clients;
  if (first === undefined || second === undefined) throw new Error("no clients");
  await echoFigures(first, second);

  const met = performance.now();
  const alice = await behindTor("alice", first);
  const bob = await behindTor("bob", second);
  await befriend(alice, bob);
  report("two bridges behind onion services: started and each other's contacts", seconds(met));
  const status = await alice.command<{ relay: { address: string; published: boolean } }>("status");
  report("the relay that contacts are told", status.relay.address);
  await letterFigures(alice, bob);
  await sharedRelay(first, second);
  report("all of it", seconds(started));
} finally {
  for (const action of undo.toReversed()) await Promise.resolve(action()).catch(() => undefined);
  rmSync(scratch, { recursive: true, force: true });
}
