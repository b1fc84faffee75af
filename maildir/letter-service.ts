import { closeSync, fsync, linkSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import type { MessagePort } from "node:worker_threads";
import { errorCode } from "../foundation/failure.ts";
import { VaultKey } from "./age/vault-key.ts";
import { X25519Recipient } from "./age/x25519.ts";
import { ferried } from "./content-ferry.ts";
import { DirectorySync } from "./directory-sync.ts";
import { type LetterFile, writeLetterFile } from "./letter-file.ts";
import { PREPARED_KEYS } from "./limits.ts";
import { type WrittenMessage, writeMessage } from "./message-writer.ts";

const fsyncOf = promisify(fsync);

/** For whom letters are sealed. */
export interface LetterRecipients {
  /** 32 bytes. */
  readonly vaultKey: Uint8Array;
  /** An `age1...` recipient. */
  readonly recoveryRecipient: string;
}

/** A letter to be written. */
export interface LetterOrder {
  readonly number: number;
  readonly letter: LetterFile;
  /** That of the letter's `path`; it is synced with the file. */
  readonly directory: string;
}

/** A large letter, whose octets come by a ferry (content-ferry.ts). */
export interface LargeLetterOrder {
  readonly number: number;
  readonly large: Omit<LetterFile, "octets">;
  readonly octets: MessagePort;
  readonly directory: string;
}

/** Files that are to get a second name in a directory. */
export interface LinkOrder {
  readonly number: number;
  readonly links: readonly FileLink[];
  readonly directory: string;
}

export interface FileLink {
  readonly from: string;
  readonly to: string;
}

/** The file system's code for a link, by its place in the list, that was not made. */
export type RefusedLinks = ReadonlyMap<number, string>;

/**
 * What became of it: file and name of a letter are on the disk, or nothing is left of them; all names are on the disk but
 * those that were refused.
 */
export type LetterAnswer = { readonly number: number } & (
  | { readonly result: Uint8Array | RefusedLinks | WrittenMessage; readonly code?: never }
  | { readonly code: string; readonly message: string }
);

/**
 * Seals and writes the letters that come through the port, and links files; answers each order once it is durable, a
 * letter with its SHA-256, a large one with all that became known of it. Says `ready` at first.
 * What a letter to come needs of X25519 is made while none waits. Ends when the port is closed.
 */
export function serveLetters(port: MessagePort, { vaultKey, recoveryRecipient }: LetterRecipients): void {
  const recovery = new X25519Recipient(recoveryRecipient);
  const recipients = [recovery, new VaultKey(vaultKey)];
  const directories = new DirectorySync();
  let underWay = 0;
  let preparing: NodeJS.Immediate | undefined;

  /** One at a time, while nothing else is to be done: whoever waits for a sync is not to wait for this. */
  const prepare = (): void => {
    preparing = underWay === 0 && recovery.prepare(PREPARED_KEYS) ? setImmediate(prepare) : undefined;
  };

  const write = async ({ letter, directory }: LetterOrder): Promise<Uint8Array> => {
    const { descriptor, contentHash } = writeLetterFile(letter, recipients);
    // File and name at once: that is one commit of the file system's journal, not two.
    const results = await Promise.allSettled([fsyncOf(descriptor), directories.sync(directory)]);
    closeSync(descriptor);
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      rmSync(letter.path, { force: true });
      throw result.reason;
    }
    return contentHash;
  };

  const writeLarge = async ({ large, octets, directory }: LargeLetterOrder): Promise<WrittenMessage> => {
    const syncDirectory = () => directories.sync(directory);
    try {
      return await writeMessage({ content: ferried(octets), recipients, ...large, syncDirectory });
    } finally {
      octets.close();
    }
  };

  const link = async ({ links, directory }: LinkOrder): Promise<RefusedLinks> => {
    const refused = new Map<number, string>();
    for (const [index, { from, to }] of links.entries()) {
      try {
        linkSync(from, to);
      } catch (error) {
        refused.set(index, errorCode(error));
      }
    }
    await directories.sync(directory);
    return refused;
  };

  const carryOut = async (order: LetterOrder | LargeLetterOrder | LinkOrder) => {
    if ("letter" in order) return await write(order);
    return "large" in order ? await writeLarge(order) : await link(order);
  };

  port.on("message", (order: LetterOrder | LargeLetterOrder | LinkOrder) => {
    const { number } = order;
    underWay++;
    const answer = (given: LetterAnswer): void => {
      port.postMessage(given);
      if (--underWay === 0) preparing ??= setImmediate(prepare);
    };
    carryOut(order).then(
      (result) => answer({ number, result }),
      (error: unknown) => answer({ number, code: errorCode(error), message: String(error) }),
    );
  });
  port.postMessage("ready");
  prepare();
}
