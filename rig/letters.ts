/** Letters as raw RFC 5322 messages, for sending by SMTP and comparing octet for octet. */
import type { ImapFlow } from "imapflow";
import type { Transporter } from "nodemailer";

/** The message with CRLF line ends; `body` is taken as it is. */
export function formatLetter(header: Readonly<Record<string, string>>, body: string | Buffer): Buffer {
  const lines = Object.entries(header).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${lines.join("")}\r\n`), typeof body === "string" ? Buffer.from(body) : body]);
}

/** What comes after the empty line. */
export function bodyOf(message: Buffer): Buffer {
  const end = message.indexOf("\r\n\r\n");
  return end < 0 ? Buffer.alloc(0) : message.subarray(end + 4);
}

/** The header's text, up to the empty line. */
export function headerOf(message: Buffer): string {
  const end = message.indexOf("\r\n\r\n");
  return message.subarray(0, end < 0 ? message.length : end).toString("latin1");
}

/** Sends a raw message; resolves with the server's reply once it said 250. */
export async function sendRaw(
  smtp: Transporter,
  envelope: { from: string; to: string | string[] },
  raw: Buffer,
): Promise<string> {
  const info = (await smtp.sendMail({ envelope, raw })) as { response: string };
  return info.response;
}

/** Waits until the open mailbox has that many messages. @throws if they do not come in time */
export async function untilMessages(client: ImapFlow, count: number, patience = 30_000): Promise<void> {
  const end = Date.now() + patience;
  for (;;) {
    const status = await client.status("INBOX", { messages: true });
    const messages = status === false ? 0 : (status.messages ?? 0);
    if (messages >= count) return;
    if (Date.now() > end) throw new Error(`${messages} of ${count} letters came in ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Every message of a mailbox, whole, by UID. */
export async function fetchAll(client: ImapFlow, mailbox = "INBOX"): Promise<Map<number, Buffer>> {
  const lock = await client.getMailboxLock(mailbox);
  try {
    const found = new Map<number, Buffer>();
    if (typeof client.mailbox === "object" && client.mailbox.exists === 0) return found;
    for await (const message of client.fetch("1:*", { uid: true, source: true }))
      if (message.source !== undefined) found.set(message.uid, message.source);
    return found;
  } finally {
    lock.release();
  }
}

export interface FoundLetter {
  readonly uid: number;
  readonly flags: ReadonlySet<string>;
  /** The whole message. */
  readonly source: Buffer;
}

/** Every message of a mailbox with exactly this subject. */
export async function findLetters(client: ImapFlow, mailbox: string, subject: string): Promise<FoundLetter[]> {
  const lock = await client.getMailboxLock(mailbox);
  try {
    // What came since the mailbox was opened is told with the answer to this.
    await client.noop();
    const uids = (await client.search({ header: { subject } }, { uid: true })) || [];
    const found: FoundLetter[] = [];
    if (uids.length === 0) return found;
    for await (const message of client.fetch(uids, { source: true, flags: true, envelope: true }, { uid: true })) {
      const { uid, flags, source, envelope } = message;
      if (source !== undefined && envelope?.subject === subject) found.push({ uid, flags: flags ?? new Set(), source });
    }
    return found;
  } finally {
    lock.release();
  }
}

/** Waits until a mailbox holds a message with this subject that satisfies the caller. @throws if none comes in time */
export async function untilLetter(
  client: ImapFlow,
  mailbox: string,
  subject: string,
  satisfies: (letter: FoundLetter) => boolean = () => true,
  patience = 30_000,
): Promise<FoundLetter> {
  const end = Date.now() + patience;
  for (;;) {
    const found = await findLetters(client, mailbox, subject);
    const letter = found.find(satisfies);
    if (letter !== undefined) return letter;
    if (Date.now() > end) {
      const seen = found.map(({ flags }) => `[${[...flags].join(" ")}]`).join(" ");
      throw new Error(
        `no such letter "${subject}" in ${mailbox} in ${patience} ms; of that subject: ${seen || "none"}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
