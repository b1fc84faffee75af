/**
 * What many contacts cost a sender, in one process with fsync on and a relay that takes everything at once: a letter's
 * costs with ten contacts and with many, and a letter to a crowd. Beside it what libsignal allows.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AddressLabel } from "../foundation/address.ts";
import { Database } from "../foundation/database.ts";
import { Contacts, contactsSchema } from "../keyring/contacts.ts";
import { createDevice } from "../keyring/device.ts";
import { createIdentity, identitySchema } from "../keyring/identity.ts";
import { tlsCarrier } from "../overlay-adapter/carriers/tls-carrier.ts";
import { openOverlay } from "../overlay-adapter/overlay.ts";
import { Queues } from "../overlay-adapter/queues/queues.ts";
import type { RelayClient } from "../overlay-adapter/relay-client/relay-client.ts";
import { readArguments, wholeNumber } from "./arguments.ts";
import { probeMachine } from "./machine.ts";
import { row } from "./report.ts";

const HELP = `npm run bench:crowd -- [options]
  --contacts N   beside ten (10000)
  --json         a JSON object a line`;

const values = readArguments(HELP, {
  contacts: { type: "string", default: "10000" },
  json: { type: "boolean", default: false },
});
const many = wholeNumber("contacts", values.contacts, 200, 100_000);
const report = row(values.json);
const LETTERS = 200;
/** Sent before, so that the code is compiled; all of them are fewer than may stay unacknowledged. */
const WARMING = 250;
const CROWD = 200;
const LARGE = 1_048_576;
const RELAY = { host: "relay.example", port: 4523, pin: randomBytes(32) };

const scratch = mkdtempSync(join(tmpdir(), "postern-crowd-"));
const now = () => Date.now();

let cells = 0;
/** Has every cell on its disk at once. */
const relay: RelayClient = {
  send: async () => {
    cells++;
    return "accepted";
  },
  createQueue: async () => undefined,
  subscribe: () => ({ credit: () => undefined, acknowledge: async () => undefined, close: () => undefined }),
  deleteQueue: async () => undefined,
  putSlot: async () => undefined,
  claimSlot: async () => ({ kind: "gone" }),
  slotStatus: async () => "gone",
  deleteSlot: async () => undefined,
  uploadBlob: async () => undefined,
  readBlob: async function* () {},
  finishBlob: async () => undefined,
  deleteBlob: async () => undefined,
  hold: () => undefined,
  connected: () => true,
  close: async () => undefined,
};

/** Milliseconds on the clock and of the processor, all threads. */
async function cost(work: () => Promise<void>): Promise<{ clock: number; processor: number }> {
  const started = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { clock: performance.now() - started, processor: (user + system) / 1000 };
}

const db = new Database(join(scratch, "state.db"), randomBytes(32));
db.migrate(identitySchema);
db.migrate(contactsSchema);
const device = createDevice(db, { random: randomBytes });
const identity = createIdentity(db, { now: now(), random: randomBytes, device });
const contacts = new Contacts(db, { now, own: identity });
let relayed = 0;
let changed: () => void = () => undefined;
const overlay = openOverlay({
  db,
  home: scratch,
  identity,
  contacts,
  device,
  relay: RELAY,
  carrier: tlsCarrier(),
  connect: () => relay,
  receiver: { receive: () => Promise.reject(new Error("nobody writes")) },
  onEvent: ({ kind }) => {
    if (kind === "relayed") relayed++;
    changed();
  },
});

/** The contacts' devices are one and the same: what differs for the sender is all there. */
const peers = new Database(":memory:");
const peer = createDevice(peers, { random: randomBytes });
const queues = new Queues(db, [RELAY], randomBytes);
const labels: AddressLabel[] = [];

async function meet(count: number): Promise<void> {
  while (labels.length < count) {
    const { label, accountState } = somebody();
    const bundle = peer.createBundle(now()).bytes;
    const steps = device.sessions(identity.label, (to, id, key) =>
      contacts.isTrustedDevice(to as AddressLabel, id, key),
    );
    const petname = `contact-${labels.length}`;
    contacts.add({ label, petname, state: "verified", how: "invite" });
    contacts.pinAccountState(label, accountState);
    await steps.begin(label, bundle, now());
    db.transactionUnsynced(() => steps.write());
    queues.setContact(label, {
      relay: RELAY,
      senderId: randomBytes(24),
      senderKey: randomBytes(32),
      queueKey: randomBytes(32),
    });
    labels.push(label);
  }
}

/** A new identity, whose only device is the one that all of them have. */
function somebody(): { label: AddressLabel; accountState: Buffer } {
  const theirs = new Database(":memory:");
  try {
    theirs.migrate(identitySchema);
    const made = createIdentity(theirs, { now: now(), random: randomBytes, device: peer });
    return { label: made.label, accountState: made.accountState().bytes };
  } finally {
    theirs.close();
  }
}

/** Sends one letter, and resolves when all its cells are accepted. */
async function send(size: number, to: readonly AddressLabel[]): Promise<void> {
  const until = relayed + to.length;
  const prepared = await overlay.prepare(pieces(randomBytes(size)));
  await db.commit(() => overlay.enqueue(prepared, to));
  while (relayed < until)
    await new Promise<void>((resolve) => {
      changed = resolve;
    });
}

async function* pieces(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

async function letters(): Promise<void> {
  const [first] = labels;
  if (first === undefined) throw new Error("there are no contacts");
  for (let sent = 0; sent < WARMING; sent++) await send(4096, [first]);
  const { clock, processor } = await cost(async () => {
    for (let sent = 0; sent < LETTERS; sent++) await send(4096, [first]);
  });
  report(
    `${labels.length} contacts: a letter of 4 KB put into cells, clock / processor`,
    `${(clock / LETTERS).toFixed(2)} / ${(processor / LETTERS).toFixed(2)} ms`,
  );
}

async function ratchet(): Promise<void> {
  const [first] = labels as [AddressLabel];
  const steps = device.sessions(identity.label, () => true);
  const header = randomBytes(136);
  const { clock } = await cost(async () => {
    for (let step = 0; step < 2000; step++) await steps.encrypt(first, 1, header, now());
  });
  report("limit: libsignal, one session's messages encrypted", `${(2_000_000 / clock).toFixed(0)}/s`);
}

try {
  for (const [name, value] of probeMachine(scratch)) report(name, value);
  overlay.start();
  await meet(10);
  await ratchet();
  await letters();
  await meet(many);
  await letters();
  const crowd = labels.slice(0, CROWD);
  const content = pieces(randomBytes(LARGE));
  const until = relayed + CROWD;
  const before = cells;
  let file = 0;
  const { clock, processor } = await cost(async () => {
    const prepared = await overlay.prepare(content);
    file = readdirSync(join(scratch, "outbox")).reduce(
      (sum, name) => sum + statSync(join(scratch, "outbox", name)).size,
      0,
    );
    await db.commit(() => overlay.enqueue(prepared, crowd));
    while (relayed < until)
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
  });
  report(`1 MB to ${CROWD} contacts: clock / processor`, `${clock.toFixed(0)} / ${processor.toFixed(0)} ms`);
  report(`1 MB to ${CROWD} contacts: octets of the body sealed, once for all`, String(file));
  report(`1 MB to ${CROWD} contacts: cells, each sealed for its queue`, String(cells - before));
} finally {
  await overlay.close();
  db.close();
  peers.close();
  rmSync(scratch, { recursive: true, force: true });
}
