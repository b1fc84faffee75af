import { ImapFlow } from "imapflow";
import { type SMTPServerOptions } from "smtp-server";
import type { PrivateDovecot } from "../../../rig/private-dovecot.ts";
import { SomeSubmissionServer } from "../../legacy-gateway/some-submission-server.ts";

/** A provider's submission server that puts what it takes into the INBOX of a Dovecot, as the road between providers would. */
export class DeliveringServer {
  readonly #server: SomeSubmissionServer;
  readonly #taken: Buffer[];

  private constructor(server: SomeSubmissionServer, taken: Buffer[]) {
    this.#server = server;
    this.#taken = taken;
  }

  /** Takes letters from `sender`'s user, and delivers them to `recipient`. */
  static async start(sender: PrivateDovecot, recipient: PrivateDovecot): Promise<DeliveringServer> {
    const taken: Buffer[] = [];
    const options: SMTPServerOptions = {
      onAuth({ username, password }, _session, callback) {
        if (password === sender.password) callback(null, { user: username ?? "" });
        else callback(new Error("no such user"));
      },
      onData(stream, _session, callback) {
        const pieces: Buffer[] = [];
        stream.on("data", (piece: Buffer) => pieces.push(piece));
        stream.once("end", () => {
          const letter = Buffer.concat(pieces);
          taken.push(letter);
          deliver(recipient, letter).then(
            () => callback(),
            (error: unknown) => callback(error as Error),
          );
        });
      },
    };
    return new DeliveringServer(await SomeSubmissionServer.start(options), taken);
  }

  get port(): number {
    return this.#server.port;
  }

  /** All letters as they came over the socket. */
  get taken(): readonly Buffer[] {
    return this.#taken;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

/** Puts a letter into the INBOX. */
export async function deliver(recipient: PrivateDovecot, letter: Buffer): Promise<void> {
  await atProvider(recipient, (client) => client.append("INBOX", letter));
}

/** A folder that mail programs want before they send. */
export async function makeSent(provider: PrivateDovecot): Promise<void> {
  await atProvider(provider, (client) => client.mailboxCreate("Sent"));
}

async function atProvider(
  { port, user, password }: PrivateDovecot,
  work: (client: ImapFlow) => Promise<unknown>,
): Promise<void> {
  const auth = { user, pass: password };
  const client = new ImapFlow({ host: "127.0.0.1", port, secure: false, auth, logger: false });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.logout();
  }
}
