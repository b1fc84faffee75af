import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A message in a local Maildir. */
export interface LocalMessage {
  readonly path: string;
  /** The letters after `:2,`, sorted. */
  readonly flags: string;
  readonly content: Buffer;
}

/** The Maildir of a program that keeps it the same as the folders on a server: a directory for each folder. */
export class LocalMaildir {
  readonly maildir: string;

  constructor(maildir: string) {
    this.maildir = maildir;
    mkdirSync(maildir, { recursive: true, mode: 0o700 });
  }

  /** Names of the folders, as the program writes them. */
  folders(): string[] {
    const names: string[] = [];
    for (const entry of readdirSync(this.maildir, { recursive: true, withFileTypes: true }))
      if (entry.isDirectory() && entry.name === "cur") names.push(entry.parentPath.slice(this.maildir.length + 1));
    return names.sort();
  }

  messages(folder: string): LocalMessage[] {
    return ["cur", "new"].flatMap((part) =>
      readdirSync(join(this.maildir, folder, part)).map((name) => {
        const path = join(this.maildir, folder, part, name);
        const flags = (/:2,([A-Za-z]*)$/.exec(name)?.[1] ?? "").split("").sort().join("");
        return { path, flags, content: readFileSync(path) };
      }),
    );
  }

  /** The one message that holds this text. @throws where there is none, or more than one */
  message(folder: string, text: string): LocalMessage {
    const found = this.messages(folder).filter(({ content }) => content.includes(text));
    const [message] = found;
    if (message === undefined || found.length > 1)
      throw new Error(`${found.length} messages in ${folder} hold ${text}`);
    return message;
  }

  /** Gives a message other flags, as a mail program that reads the Maildir would. */
  setFlags(message: LocalMessage, flags: string): void {
    const name = message.path.slice(message.path.lastIndexOf("/") + 1).replace(/:2,.*$/, "");
    renameSync(message.path, join(message.path, "..", "..", "cur", `${name}:2,${flags}`));
  }

  /** Puts a new message into a local folder, which is made if it is not there. */
  put(folder: string, content: Uint8Array): void {
    for (const part of ["cur", "new", "tmp"]) mkdirSync(join(this.maildir, folder, part), { recursive: true });
    writeFileSync(join(this.maildir, folder, "new", `${Date.now()}.${randomBytes(6).toString("hex")}.local`), content);
  }

  /** Everything in the Maildir: each file's name, inode and content. The same twice means that nothing was touched. */
  fingerprint(): string[] {
    return this.folders().flatMap((folder) =>
      this.messages(folder)
        .map(
          ({ path, content }) => `${path} ${statSync(path).ino} ${createHash("sha256").update(content).digest("hex")}`,
        )
        .sort(),
    );
  }
}
