import { createHash, randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AddressLabel } from "../../foundation/address.ts";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import { Database } from "../../foundation/database.ts";
import { Contacts, contactsSchema } from "../../keyring/contacts.ts";
import { createDevice, type Device, loadDevice } from "../../keyring/device.ts";
import { createIdentity, type Identity, identitySchema, loadIdentity } from "../../keyring/identity.ts";
import { RecoverySecrets } from "../../keyring/recovery-secret.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import type { OverlayEvent } from "../../overlay-adapter/events.ts";
import { type Overlay, type OverlayOptions, openOverlay } from "../../overlay-adapter/overlay.ts";
import type { LetterReceiver } from "../../overlay-adapter/ports.ts";
import { createRelayClient, type RelayClient } from "../../overlay-adapter/relay-client/relay-client.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";

/** A home on another disk. */
export interface HomeCopy {
  readonly home: string;
  readonly key: Buffer;
}

export interface StoredLetter {
  readonly from: AddressLabel;
  readonly id: string;
  readonly size: number;
  /** The content if it is short, else its SHA-256. */
  readonly content: string;
}

const CONTENT_SHOWN = 1000;

/** Real time, but pauses between tries are a tenth; long waits stay as they are. */
const HURRIED: Clock = {
  now: () => Date.now(),
  after: (delay, callback) => systemClock.after(delay <= 20_000 ? delay / 10 : delay, callback),
};

/** Parts of the overlay that are replaced; `keepsRecord`: the recovery record is kept at the relays. */
export type PersonOptions = Partial<OverlayOptions> & { readonly keepsRecord?: boolean };

/** One bridge's overlay with a mailbox in its own database; it can be crashed and opened again. */
export class Person {
  readonly home: string;
  readonly relay: RelayAddress;
  readonly events: OverlayEvent[] = [];
  readonly #key: Buffer;
  readonly #extra: PersonOptions;
  #client: RelayClient | undefined;
  db!: Database;
  overlay!: Overlay;
  contacts!: Contacts;
  label!: AddressLabel;
  identity!: Identity;
  device!: Device;
  /** The user learns of what happens, at once; false is a disk that is full, or an end that comes before. */
  tells = true;
  /** Runs before a letter is taken; may throw. */
  beforeReceive: (size: number) => Promise<void> | void = () => undefined;
  #watchers: (() => void)[] = [];

  /** `copy`: of somebody's home, as `copyHome` made it. */
  constructor(relay: RelayAddress, extra: PersonOptions = {}, copy?: HomeCopy) {
    this.home = mkdtempSync(join(tmpdir(), "postern-overlay-"));
    this.#key = copy?.key ?? randomBytes(32);
    if (copy !== undefined) cpSync(copy.home, this.home, { recursive: true });
    this.relay = relay;
    this.#extra = extra;
    this.open();
  }

  open(relay = this.relay, extra: PersonOptions = {}): void {
    const { keepsRecord = false, ...options } = { ...this.#extra, ...extra };
    const now = () => options.clock?.now() ?? Date.now();
    const db = new Database(join(this.home, "postern.db"), this.#key);
    this.db = db;
    db.migrate(identitySchema);
    db.migrate(contactsSchema);
    db.sqlite.exec(
      "CREATE TABLE IF NOT EXISTS mailbox (n INTEGER PRIMARY KEY, sender TEXT, id TEXT, size INTEGER, content TEXT)",
    );
    const device = loadDevice(db) ?? createDevice(db, { random: randomBytes });
    const identity = loadIdentity(db, randomBytes) ?? createIdentity(db, { now: now(), random: randomBytes, device });
    this.identity = identity;
    this.device = device;
    this.label = identity.label;
    this.contacts = new Contacts(db, { now, own: identity });
    const recovery = new RecoverySecrets(db);
    const seed = identity.masterSeed();
    if (seed !== undefined) recovery.begin(seed);
    this.overlay = openOverlay({
      db,
      home: this.home,
      identity,
      contacts: this.contacts,
      device,
      relay,
      clock: HURRIED,
      carrier: tlsCarrier(),
      receiver: this.#receiver(db),
      ...(keepsRecord && { recovery }),
      onEvent: (event) => {
        this.events.push(event);
        if (this.tells) this.overlay.settle(event);
        this.#changed();
      },
      ...options,
      connect: (asked) => {
        this.#client = (options.connect ?? createRelayClient)(asked);
        return this.#client;
      },
    });
    this.overlay.start();
  }

  /** Copies the home while nothing runs on it, and goes on. */
  async copyHome(): Promise<HomeCopy> {
    await this.stop();
    const home = mkdtempSync(join(tmpdir(), "postern-copy-"));
    cpSync(this.home, home, { recursive: true });
    this.open();
    return { home, key: this.#key };
  }

  /** As if the disk had died, and the copy were all that is left. */
  async restore(copy: HomeCopy): Promise<void> {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
    cpSync(copy.home, this.home, { recursive: true });
    this.open();
  }

  /** Ends as a bridge does that was asked to; `open` goes on. */
  async stop(): Promise<void> {
    await this.overlay.close();
    this.db.close();
  }

  /** Stops at once, as a power cut would. What is on the disk was told: nothing is left that would ask a closed database. */
  crash(): void {
    if (this.db.sqlite.open && !this.db.sqlite.inTransaction) this.db.transaction(() => undefined);
    this.db.sqlite.close();
    this.#client?.close().catch(() => undefined);
    this.overlay.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.overlay.close().catch(() => undefined);
    if (this.db.sqlite.open) this.db.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  letters(): StoredLetter[] {
    return this.db.sqlite
      .prepare("SELECT sender AS 'from', id, size, content FROM mailbox ORDER BY n")
      .all() as StoredLetter[];
  }

  contents(): string[] {
    return this.letters().map(({ content }) => content);
  }

  async send(content: string | Buffer, ...to: Person[]): Promise<Buffer> {
    const letter = await this.overlay.prepare(split(Buffer.from(content)));
    this.db.transaction(() =>
      this.overlay.enqueue(
        letter,
        to.map(({ label }) => label),
      ),
    );
    return letter.id;
  }

  /** Resolves once the condition holds; it is looked at after every event and letter, and now and then. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#watchers.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
  }

  untilLetters(count: number): Promise<void> {
    return this.until(() => this.db.sqlite.prepare("SELECT count(*) FROM mailbox").pluck().get() === count);
  }

  untilEvent(kind: OverlayEvent["kind"]): Promise<void> {
    return this.until(() => this.events.some((event) => event.kind === kind));
  }

  count(kind: OverlayEvent["kind"]): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  #receiver(db: Database): LetterReceiver {
    return {
      receive: async ({ from, id, size, content }) => {
        await this.beforeReceive(size);
        const pieces: Uint8Array[] = [];
        const hash = createHash("sha256");
        for await (const piece of Buffer.isBuffer(content) ? [content] : content) {
          hash.update(piece);
          if (size <= CONTENT_SHOWN) pieces.push(piece);
        }
        const stored = size <= CONTENT_SHOWN ? Buffer.concat(pieces).toString() : hash.digest("hex");
        return () => {
          db.sqlite
            .prepare("INSERT INTO mailbox (sender, id, size, content) VALUES (?, ?, ?, ?)")
            .run(from, id.toString("hex"), size, stored);
          db.afterCommit(() => this.#changed());
        };
      },
    };
  }

  #changed(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const resolve of watchers) resolve();
  }
}

export async function* split(content: Buffer, size = 30_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

export const IN_A_DAY = () => Date.now() + 24 * 3_600_000;

/** Makes the two each other's contacts by an invite. */
export async function befriend(inviter: Person, claimant: Person, clock?: Clock): Promise<void> {
  const now = clock?.now() ?? Date.now();
  const { link } = await inviter.overlay.createInvite({ expiresAt: now + 24 * 3_600_000 });
  await claimant.overlay.acceptInvite(link, `friend-of-${inviter.label.slice(0, 6)}`);
  await claimant.until(() =>
    claimant.events.some((event) => event.kind === "contact-confirmed" && event.contact === inviter.label),
  );
}

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
