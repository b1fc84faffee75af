import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { writeCorpus } from "../../../../rig/corpus.ts";
import { Person } from "../../../../rig/person.ts";
import type { InitOutput } from "../../../../rig/postern-process.ts";
import { type MailAccount, mailAccount } from "../mail-account.ts";
import { programPath, runWell } from "../program.ts";
import { untilIndexed } from "./text-index.ts";

/** Letters in the INBOX: those of the corpus with the numbers below this, in their order. */
export const LETTERS = 10_000;

/** Folders beside the default ones, with the numbers of their letters: from the first up to, not with, the second. */
export const FOLDERS = {
  "Projects/Prüfung & Söhne": [10_000, 10_040],
  "日本語/手紙": [10_040, 10_060],
  "Ablage/2019/März": [10_060, 10_080],
} as const;

/** One of them, with a name that is not ASCII, below others. */
export const FOLDER = "Ablage/2019/März";

/** A command may take a minute; an import of all letters at once could take longer on a busy machine. */
const LETTERS_AT_ONCE = 2_500;

/** How long it may take to open a mailbox, in milliseconds, where the home that is copied must be made first. */
export const OPENING_PATIENCE = 600_000;

/** The mailbox of the tests that follow in this file or describe(): opened before them all, closed behind them. */
export function sharedMailbox(): { readonly mailbox: LargeMailbox; readonly client: ImapFlow } {
  let opened: LargeMailbox | undefined;
  let connected: ImapFlow | undefined;
  beforeAll(async () => {
    opened = await LargeMailbox.open();
    connected = await opened.owner.imap();
  }, OPENING_PATIENCE);
  afterAll(async () => {
    await connected?.logout();
    await opened?.close();
  });
  return {
    get mailbox(): LargeMailbox {
      if (opened === undefined) throw new Error("the mailbox is not open yet");
      return opened;
    },
    get client(): ImapFlow {
      if (connected === undefined) throw new Error("the mailbox is not open yet");
      return connected;
    },
  };
}

/** A bridge with ten thousand letters of its own: each test file changes a copy of the home that the first one made. */
export class LargeMailbox {
  /** For the programs' homes. */
  readonly scratch: string;
  readonly owner: Person;

  private constructor(scratch: string, owner: Person) {
    this.scratch = scratch;
    this.owner = owner;
  }

  static async open(): Promise<LargeMailbox> {
    const { home, account } = await prepared();
    const scratch = mkdtempSync(join(tmpdir(), "postern-large-"));
    const owner = await Person.fromCopy("owner", scratch, home, account);
    await owner.start();
    return new LargeMailbox(scratch, owner);
  }

  get account(): MailAccount {
    return mailAccount(this.owner);
  }

  /** A PEM file with an authority that did not sign the bridge's certificate. */
  async foreignAuthority(): Promise<string> {
    const args = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=somebody else"];
    const files = ["-keyout", "foreign.key", "-out", "foreign.pem"];
    await runWell(programPath("openssl", "openssl"), ["req", "-x509", ...args, ...files], { home: this.scratch });
    return join(this.scratch, "foreign.pem");
  }

  /** What a client is told of a mailbox's letters: their number, and how many are not seen. */
  async counts(client: ImapFlow, mailbox: string): Promise<{ messages: number; unseen: number }> {
    const status = await client.status(mailbox, { messages: true, unseen: true });
    if (status === false) throw new Error(`there is no mailbox ${mailbox}`);
    return { messages: status.messages ?? -1, unseen: status.unseen ?? -1 };
  }

  async close(): Promise<void> {
    await this.owner.stop();
    await rm(this.scratch, { recursive: true, force: true });
  }
}

/** Where what several test files use lies. @throws where Jest's global set-up did not run */
export function preparedHomes(): string {
  const scratch = process.env["POSTERN_PREPARED_HOMES"];
  if (scratch === undefined) throw new Error("test/slow/prepared-homes-setup.ts did not run");
  return scratch;
}

/**
 * The home that is copied, its text index complete; made where it is not there yet: Jest runs each test file with modules
 * of its own.
 */
async function prepared(): Promise<{ home: string; account: InitOutput }> {
  const scratch = preparedHomes();
  const finished = join(scratch, "account.json");
  const home = join(scratch, "owner");
  if (existsSync(finished)) return { home, account: JSON.parse(readFileSync(finished, "utf8")) as InitOutput };
  const owner = await Person.create("owner", scratch);
  const mbox = join(scratch, "corpus.mbox");
  const take = async (folder: string, from: number, to: number) => {
    await writeCorpus(mbox, from, to);
    await owner.command("import", mbox, "--folder", folder);
  };
  for (let from = 0; from < LETTERS; from += LETTERS_AT_ONCE) await take("INBOX", from, from + LETTERS_AT_ONCE);
  for (const [folder, [from, to]] of Object.entries(FOLDERS)) await take(folder, from, to);
  await rm(mbox);
  await owner.start();
  await untilIndexed(home, owner.account.appPassword);
  await owner.stop();
  writeFileSync(finished, JSON.stringify(owner.account));
  return { home, account: owner.account };
}
