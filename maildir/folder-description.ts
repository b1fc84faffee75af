import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../foundation/durable-file.ts";
import type { AgeIdentity, AgeRecipient } from "./age/identity.ts";
import { AgeOpener } from "./age/opener.ts";
import { sealBytes } from "./age/sealer.ts";
import { paddedSize } from "./padding.ts";

/** What a folder on disk says of itself, sealed, so that an index can be made from the files alone. */
export interface FolderDescription {
  readonly name: string;
  readonly mailboxId: string;
  readonly uidValidity: number;
  readonly specialUse: string | null;
}

const FILE_NAME = "mailbox.age";

export async function writeDescription(
  folderPath: string,
  recipients: readonly AgeRecipient[],
  description: FolderDescription,
): Promise<void> {
  const { name, mailboxId, uidValidity, specialUse } = description;
  const text = Buffer.from(`${JSON.stringify({ version: 1, name, mailboxId, uidValidity, specialUse })}\n`, "utf8");
  const plaintext = Buffer.alloc(paddedSize(text.length), " ");
  text.copy(plaintext);
  await writeFileDurably(join(folderPath, FILE_NAME), sealBytes(recipients, plaintext));
}

/** Undefined where the folder has none that the identity opens. @throws AgeFormatError, SyntaxError where it is damaged */
export async function readDescription(
  folderPath: string,
  identity: AgeIdentity,
): Promise<FolderDescription | undefined> {
  const file = await readFile(join(folderPath, FILE_NAME)).catch(() => undefined);
  if (file === undefined) return undefined;
  const source = {
    size: file.length,
    read: (position: number, length: number) => file.subarray(position, position + length),
  };
  const pieces: Buffer[] = [];
  for await (const piece of AgeOpener.open(file, source, identity)?.read() ?? []) pieces.push(piece);
  return pieces.length === 0 ? undefined : (JSON.parse(Buffer.concat(pieces).toString("utf8")) as FolderDescription);
}
