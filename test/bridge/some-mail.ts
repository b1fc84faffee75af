import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Account } from "../../bridge/account.ts";
import { MailCommands } from "../../bridge/by-mail/mail-commands.ts";
import { homePaths } from "../../bridge/home/home.ts";
import { openState } from "../../bridge/home/state.ts";
import { formatAddress } from "../../foundation/address.ts";
import { systemClock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { silentLogger } from "../../foundation/logger.ts";
import { Contacts } from "../../keyring/contacts.ts";
import { createIdentity } from "../../keyring/identity.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import { Vault } from "../../keyring/vault.ts";
import { openMaildir } from "../../maildir/open.ts";
import type { Maildir } from "../../maildir/store.ts";
import type { OverlayEvent } from "../../overlay-adapter/events.ts";
import type { Gap } from "../../overlay-adapter/letters/missing-letters.ts";
import type { DeliveryStatus, Overlay, OverlayStatus, PreparedLetter } from "../../overlay-adapter/overlay.ts";
import { fixedRandom, identityKey } from "../keyring/fixed-random.ts";
import { NOW, someLabel } from "./somebody.ts";

/** A user with a real mail store and state, and a contact `bob`; the overlay is a fake that remembers. */
export class SomeMail {
  readonly home: string;
  readonly db: Database;
  readonly contacts: Contacts;
  readonly account: Account;
  readonly maildir: Maildir;
  readonly overlay = new FakeOverlay();
  /** Not started. */
  readonly commands: MailCommands;
  readonly bob = formatAddress("mail", someLabel(1));

  private constructor(home: string, db: Database, contacts: Contacts, account: Account, maildir: Maildir) {
    this.home = home;
    this.db = db;
    this.contacts = contacts;
    this.account = account;
    this.maildir = maildir;
    const { overlay } = this;
    const logger = silentLogger;
    const clock = systemClock;
    this.commands = new MailCommands({ db, contacts, account, maildir, overlay, clock, logger, random: randomBytes });
  }

  static async create(): Promise<SomeMail> {
    const home = mkdtempSync(join(tmpdir(), "postern-mail-"));
    const vault = new Vault("0".repeat(32), randomBytes(32));
    const db = openState(homePaths(home), vault);
    const device = { identityKey: identityKey("mail"), registrationId: 1 };
    const identity = createIdentity(db, { now: NOW, random: fixedRandom("mail"), device });
    const contacts = new Contacts(db, { now: () => NOW, own: identity });
    contacts.add({ label: someLabel(1), petname: "bob", state: "invited", how: "invite" });
    contacts.add({ label: someLabel(2), petname: "vera", state: "verified", how: "spoken-code" });
    const maildir = await openMaildir({
      db,
      home,
      vaultKey: vault.derive("maildir"),
      recoveryRecipient: recoveryIdentity(Buffer.alloc(32, 7)).recipient,
      clock: systemClock,
      logger: silentLogger,
    });
    return new SomeMail(home, db, contacts, new Account(identity, contacts), maildir);
  }

  async close(): Promise<void> {
    this.commands.stop();
    await this.commands.settled();
    await this.maildir.close();
    this.db.close();
    rmSync(this.home, { recursive: true });
  }

  /** Every message of a mailbox with its flags. */
  async messages(name: string): Promise<{ text: string; flags: readonly string[] }[]> {
    const mailbox = this.maildir.mailbox(name);
    if (mailbox === undefined) throw new Error(`there is no ${name}`);
    const found: { text: string; flags: readonly string[] }[] = [];
    for (const { uid, size, flags } of mailbox.summaries(mailbox.uids())) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of mailbox.read(uid, 0, size)) chunks.push(chunk);
      found.push({ text: Buffer.concat(chunks).toString(), flags });
    }
    return found;
  }
}

const introductions = {
  introduce: never,
  introductions: () => [],
  acceptIntroduction: never,
  cancelIntroduction: never,
  introducer: () => undefined,
};

export class FakeOverlay implements Overlay {
  readonly sizeLimit = 1_000_000;
  readonly active = true;
  readonly enqueued: { content: Buffer; recipients: readonly string[] }[] = [];
  readonly settled: [letter: string, to: string, progress?: string][] = [];
  discarded = 0;
  /** Thrown by the step of that name. */
  failing: { prepare?: unknown; enqueue?: unknown } = {};

  async prepare(content: AsyncIterable<Uint8Array>): Promise<PreparedLetter & { readonly content: Buffer }> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) {
      if (this.failing.prepare !== undefined) throw this.failing.prepare;
      chunks.push(chunk);
    }
    const whole = Buffer.concat(chunks);
    const discard = async () => void (this.discarded += 1);
    return { id: randomBytes(16), size: whole.length, discard, content: whole };
  }

  enqueue(letter: PreparedLetter, recipients: readonly string[]): void {
    if (this.failing.enqueue !== undefined) throw this.failing.enqueue;
    this.enqueued.push({ content: (letter as unknown as { content: Buffer }).content, recipients });
  }

  announceState(): void {
    throw new Error("not part of these tests");
  }

  reached(): never {
    throw new Error("not part of these tests");
  }

  recordWrittenAt(): undefined {
    return undefined;
  }

  async becomeNewDevice(): Promise<void> {
    throw new Error("not part of these tests");
  }

  settleFailure(letter: Uint8Array, to: string): void {
    this.settled.push([Buffer.from(letter).toString("hex"), to]);
  }

  settleProgress(letter: Uint8Array, to: string, progress: string): void {
    this.settled.push([Buffer.from(letter).toString("hex"), to, progress]);
  }

  settleGap(gap: Gap): void {
    this.settled.push([String(gap.noticedUntil), gap.from]);
  }

  settle(event: OverlayEvent): void {
    this.settled.push([event.kind, ""]);
  }

  status(): OverlayStatus {
    return { waiting: 0, failed: 0, connected: false, dropped: {}, deliveries: [] as DeliveryStatus[] };
  }

  start(): void {}
  async close(): Promise<void> {}
  async idle(): Promise<void> {}
  createInvite = unused;
  acceptInvite = unused;
  cancelInvite = unused;
  removeContact = unused;
  pendingInvites = () => [];
  approveInvite = unused;
  blockContact = unused;
  freezeContact = (): void => undefined;
  unfreezeContact = (): void => undefined;
  safetyPhrase = (): string | undefined => undefined;
  verifyContact = (): boolean => false;
  carrying = { contacts: () => [], waiting: () => 0, setByHand: () => undefined, export: unused, import: unused };
  meetings = { makeCode: unused, takeCode: never, codes: () => [], cancel: never, ...introductions };
}

function never(): never {
  throw new Error("not part of this test");
}

async function unused(): Promise<never> {
  throw new Error("not part of this test");
}
