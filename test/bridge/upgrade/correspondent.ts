import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readKey } from "openpgp";
import { Account } from "../../../bridge/account.ts";
import { MailCommands } from "../../../bridge/by-mail/mail-commands.ts";
import { type GatewayKeys, openGatewayKeys } from "../../../bridge/gateway/gateway-keys.ts";
import { homePaths } from "../../../bridge/home/home.ts";
import { openState } from "../../../bridge/home/state.ts";
import { createLetterReceiver } from "../../../bridge/incoming.ts";
import { OverlayEventHandler } from "../../../bridge/notices/overlay-events.ts";
import { SentCopies } from "../../../bridge/submission/sent-copies.ts";
import { createSubmissionSink } from "../../../bridge/submission/submission.ts";
import { Twins } from "../../../bridge/upgrade/twins.ts";
import { Upgrades } from "../../../bridge/upgrade/upgrades.ts";
import { type Clock, systemClock } from "../../../foundation/clock.ts";
import type { Database } from "../../../foundation/database.ts";
import { silentLogger } from "../../../foundation/logger.ts";
import { Contacts } from "../../../keyring/contacts.ts";
import { createDevice, loadDevice } from "../../../keyring/device.ts";
import { createIdentity, identitySchema, loadIdentity } from "../../../keyring/identity.ts";
import { recoveryIdentity } from "../../../keyring/recovery-identity.ts";
import { Vault } from "../../../keyring/vault.ts";
import { LegacyGateway } from "../../../legacy-gateway/gateway.ts";
import { releaseLetter } from "../../../legacy-gateway/incoming/release-letter.ts";
import type { SpecialUse } from "../../../legacy-gateway/ports.ts";
import { openUpgradeStores } from "../../../legacy-gateway/upgrade/upgrade-stores.ts";
import { openMaildir } from "../../../maildir/open.ts";
import type { Maildir } from "../../../maildir/store.ts";
import { tlsCarrier } from "../../../overlay-adapter/carriers/tls-carrier.ts";
import { type Overlay, openOverlay } from "../../../overlay-adapter/overlay.ts";
import { createRelayClient, type RelayClient } from "../../../overlay-adapter/relay-client/relay-client.ts";
import type { RelayAddress } from "../../../relay/relay-url.ts";
import type { SubmissionSink } from "../../../smtp-front/submission.ts";

const NEVER = new Promise<never>(() => undefined);

/** Real time, but short pauses are a tenth. */
const HURRIED: Clock = {
  now: () => Date.now(),
  after: (delay, callback) => systemClock.after(delay <= 20_000 ? delay / 10 : delay, callback),
};

export interface Filed {
  readonly text: string;
  readonly flags: readonly string[];
}

/** Somebody with an old address and a bridge, all in this process. The provider is the test: it carries the old letters. */
export class Correspondent {
  readonly address: string;
  readonly #home = mkdtempSync(join(tmpdir(), "postern-upgrade-"));
  readonly #vault = new Vault("0".repeat(32), randomBytes(32));
  readonly #relay: RelayAddress;
  #client: RelayClient | undefined;
  #stepsLeft = Number.POSITIVE_INFINITY;
  /** The power is off. */
  dead = false;
  db!: Database;
  contacts!: Contacts;
  account!: Account;
  maildir!: Maildir;
  overlay!: Overlay;
  gateway!: LegacyGateway;
  keys!: GatewayKeys;
  upgrades!: Upgrades;
  commands!: MailCommands;
  #events!: OverlayEventHandler;
  #sink!: SubmissionSink;

  private constructor(address: string, relay: RelayAddress) {
    this.address = address;
    this.#relay = relay;
  }

  static async create(address: string, relay: RelayAddress): Promise<Correspondent> {
    const person = new Correspondent(address, relay);
    await person.open();
    const server = { host: "127.0.0.1", port: 1, security: "none" } as const;
    person.gateway.accounts.add(
      {
        address,
        user: "user",
        imap: server,
        smtp: server,
        folders: "merged",
        keeping: { kind: "keep" },
        plain: "allowed",
        sentCopy: false,
      },
      { kind: "password", password: "secret" },
    );
    return person;
  }

  async open(): Promise<void> {
    const vault = this.#vault;
    const logger = silentLogger;
    const clock = HURRIED;
    const db = openState(homePaths(this.#home), vault);
    this.db = db;
    this.dead = false;
    this.#stepsLeft = Number.POSITIVE_INFINITY;
    this.#watchCommits();
    db.migrate(identitySchema);
    const device = loadDevice(db) ?? createDevice(db, { random: randomBytes });
    const identity =
      loadIdentity(db, randomBytes) ?? createIdentity(db, { now: Date.now(), random: randomBytes, device });
    const contacts = new Contacts(db, { now: () => Date.now(), own: identity });
    const stores = openUpgradeStores(db, clock);
    const { aliases } = stores;
    const account = new Account(identity, contacts, aliases);
    const maildir = await openMaildir({
      db,
      home: this.#home,
      vaultKey: vault.derive("maildir"),
      recoveryRecipient: recoveryIdentity(Buffer.alloc(32, 7)).recipient,
      clock: systemClock,
      logger,
    });
    const invitedAddress = (invite: string) => stores.invitations.byInvite(invite)?.address;
    const events = new OverlayEventHandler({ db, account, contacts, maildir, logger, invitedAddress });
    const release = (mailbox: string, uid: number) => releaseLetter(db, mailbox, uid);
    const twins = new Twins({ db, maildir, aliases, release, logger });
    const overlay = openOverlay({
      db,
      home: this.#home,
      identity,
      contacts,
      device,
      relay: this.#relay,
      carrier: tlsCarrier(),
      receiver: createLetterReceiver({ account, contacts, maildir, logger, twins }),
      clock,
      companion: aliases,
      onEvent: (event) => {
        if (this.dead) return;
        this.upgrades?.heard(event);
        events.handle(event);
      },
      connect: (asked) => {
        this.#client = createRelayClient(asked);
        return this.#client;
      },
    });
    events.overlay = overlay;
    const keys = openGatewayKeys({
      db,
      now: () => Date.now(),
      notify: () => undefined,
      upgrade: {
        movedTo: (address) => {
          const label = aliases.moved(address);
          return label === undefined ? undefined : contacts.byLabel(label)?.state;
        },
        hasMoved: (address) => aliases.hasMoved(address),
        isHere: async (address, id, payload) => {
          const label = aliases.moved(address);
          return label !== undefined && (await twins.isHere(label, id, payload));
        },
        seen: (invitation) => this.upgrades.seen(invitation),
        invitation: (address, encrypted) => this.upgrades.invitation(address, encrypted),
      },
    });
    const gateway = new LegacyGateway({
      db,
      mail: maildir,
      clock,
      logger,
      notify: () => undefined,
      report: async (_report, settle) => settle(),
      read: keys.read,
      write: keys.write,
    });
    const upgrades = new Upgrades({
      db,
      stores,
      account,
      contacts,
      overlay,
      maildir,
      isOwn: (address) => gateway.road.isOwn(address),
      clock,
      logger,
    });
    const random = randomBytes;
    const commands = new MailCommands({ db, account, contacts, maildir, overlay, upgrades, clock, logger, random });
    this.#sink = createSubmissionSink({
      db,
      account,
      maildir,
      overlay,
      sentCopies: new SentCopies(db),
      legacy: gateway.road,
      aliases,
      commands,
      messageIdKey: Buffer.alloc(32, this.address.length),
      introduces: false,
      clock,
    });
    Object.assign(this, { contacts, account, maildir, overlay, gateway, keys, upgrades, commands });
    this.#events = events;
    overlay.start();
    upgrades.start();
    commands.start();
  }

  async close(): Promise<void> {
    if (!this.dead) {
      this.commands.stop();
      await this.upgrades.stop();
      await this.overlay.close();
      await this.commands.settled();
      await this.#events.settled();
      await this.maildir.close();
      this.db.close();
    }
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** The power goes at the n-th step from now on: before or after a commit. */
  doom(steps: number): void {
    this.#stepsLeft = steps;
  }

  /** Both know each other's OpenPGP key. */
  async exchangeKeys(other: Correspondent): Promise<void> {
    for (const [one, another] of [
      [this, other],
      [other, this],
    ] as const) {
      const book = await one.keys.book();
      if (book.ownFor(one.address) === undefined) await book.make(one.address);
      const key = await readKey({ armoredKey: await book.exportPublic(one.address) });
      await (await another.keys.book()).learn(key, one.address, "import");
    }
  }

  /** As a mail program submits it. @throws SmtpReply */
  async submit(to: readonly string[], subject: string, body: string, header = ""): Promise<void> {
    const text =
      `From: <${this.address}>\r\nTo: ${to.join(", ")}\r\nSubject: ${subject}\r\nMessage-ID: <${randomBytes(6).toString("hex")}@laptop.${this.address}>\r\n` +
      `${header}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n`;
    for (const address of to) await this.#sink.checkRecipient({ address }, this.address);
    await this.#sink.submit({
      from: this.address,
      recipients: to.map((address) => ({ address })),
      content: only(Buffer.from(text)),
    });
  }

  /** What waits for the provider goes there. */
  async post(): Promise<string[]> {
    const posted: string[] = [];
    for (const { letter, delivery } of this.gateway.outbox.list()) {
      const pieces: Buffer[] = [];
      for await (const piece of this.gateway.outbox.content(letter.letter)) pieces.push(piece);
      posted.push(Buffer.concat(pieces).toString("latin1"));
      this.db.transaction(() => this.gateway.outbox.settle(delivery.id));
    }
    return posted;
  }

  /** What the provider has comes into INBOX. */
  async fetch(letters: readonly string[], folder?: SpecialUse): Promise<void> {
    const inbox = this.maildir.mailbox("INBOX");
    if (inbox === undefined) throw new Error("there is no INBOX");
    for (const letter of letters) {
      const content = only(Buffer.from(letter, "latin1"));
      const read = await this.keys.read({ account: this.address, content, ...(folder && { folder }) });
      if (read.isHere === true) continue;
      const staged = await this.maildir.stage(read.content, { mailboxId: inbox.id });
      await this.db.commit(() => this.maildir.insert(inbox.id, staged, { flags: read.keywords }));
    }
  }

  async filed(mailbox = "INBOX"): Promise<Filed[]> {
    const found: Filed[] = [];
    const box = this.maildir.mailbox(mailbox);
    for (const { uid, size, flags } of box?.summaries(box.uids()) ?? []) {
      const pieces: Uint8Array[] = [];
      for await (const piece of box?.read(uid, 0, size) ?? []) pieces.push(piece);
      found.push({ text: Buffer.concat(pieces).toString(), flags });
    }
    return found;
  }

  /** The letter with that in it, once it is there. */
  async letter(words: string, mailbox = "INBOX"): Promise<Filed> {
    for (;;) {
      const found = (await this.filed(mailbox)).find(({ text }) => text.includes(words));
      if (found !== undefined) return found;
      await pause();
    }
  }

  async count(words: string, mailbox = "INBOX"): Promise<number> {
    return (await this.filed(mailbox)).filter(({ text }) => text.includes(words)).length;
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await pause();
  }

  #watchCommits(): void {
    const { db } = this;
    const commit = db.commit.bind(db);
    db.commit = async <T>(work: () => T): Promise<T> => {
      if (!this.#reach()) return NEVER;
      const result = await commit(work);
      return this.#reach() ? result : NEVER;
    };
  }

  /** False at the step where the power goes, and after it. */
  #reach(): boolean {
    if (this.dead) return false;
    if (--this.#stepsLeft > 0) return true;
    this.dead = true;
    if (this.db.sqlite.open && !this.db.sqlite.inTransaction) this.db.transaction(() => undefined);
    this.db.sqlite.close();
    this.#client?.close().catch(() => undefined);
    this.overlay.close().catch(() => undefined);
    return false;
  }
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}

async function* only(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
