import type { Maildir, MaildirMailbox } from "../store.ts";
import { detectSource } from "./detect.ts";
import { Importer } from "./importer.ts";
import { withCrlf } from "./line-ends.ts";

export interface ImportProgress {
  /** Messages that were looked at; what they bring is on the disk. */
  readonly done: number;
  /** Those that were not in the mailbox by an earlier import. */
  readonly added: number;
  /** Messages in all, where that is known. */
  readonly total?: number;
  /** Octets read of how many, where the number of messages is not known before the end. */
  readonly octets?: number;
  readonly octetsTotal?: number;
  /** Those that are larger than the store takes. */
  readonly tooBig: number;
}

export interface ImportOptions {
  /** Called after each batch. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Aborts after the letters that were taken are stored. */
  readonly signal?: AbortSignal;
}

/**
 * Brings the messages of a file or folder into a mailbox, which is created and subscribed if it is not there. What was imported into
 * it before, by content, is passed over, so an import that was interrupted is simply run again.
 * @throws Failure nonexistent, invalid, full
 */
export async function importMail(
  maildir: Maildir,
  path: string,
  folder: string,
  { onProgress, signal }: ImportOptions = {},
): Promise<ImportProgress> {
  const source = await detectSource(path);
  const mailbox = maildir.mailbox(folder) ?? (await createSubscribed(maildir, folder));
  const progress = (): ImportProgress => {
    const { done, added, tooBig } = importer;
    return { done, added, tooBig, ...(source.total !== undefined && { total: source.total }) };
  };
  const reading = () =>
    source.octets === undefined ? {} : { octets: source.octets.read(), octetsTotal: source.octets.total };
  const importer = new Importer(maildir, mailbox, () => onProgress?.({ ...progress(), ...reading() }));
  try {
    for await (const message of source.messages) {
      if (signal?.aborted === true) break;
      await importer.take({ ...message, content: withCrlf(message.content) });
    }
  } finally {
    await importer.finish();
  }
  signal?.throwIfAborted();
  return progress();
}

/** Some mail programs see no other folders than subscribed ones. */
async function createSubscribed(maildir: Maildir, name: string): Promise<MaildirMailbox> {
  const created = await maildir.create(name);
  await maildir.setSubscribed(name, true);
  return created;
}
