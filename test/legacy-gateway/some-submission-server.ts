import { once } from "node:events";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export interface TakenLetter {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
  readonly greeting: string;
}

/** Refuses by throwing; the text is the reply without its code. */
export function reply(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

/** A provider's submission server; a test may refuse what it likes. */
export class SomeSubmissionServer {
  readonly taken: TakenLetter[] = [];
  onRecipient: (address: string) => void = () => undefined;
  /** Holds the answer to RCPT back until it resolves. */
  onRecipientLater: () => Promise<void> = async () => undefined;
  onData: () => void = () => undefined;
  connections = 0;
  readonly #options: SMTPServerOptions;
  #server: SMTPServer | undefined;
  #port = 0;

  private constructor(options: SMTPServerOptions) {
    this.#options = options;
  }

  static async start(options: SMTPServerOptions = {}): Promise<SomeSubmissionServer> {
    const server = new SomeSubmissionServer(options);
    await server.resume();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens again on the same port. */
  async resume(): Promise<void> {
    const server = new SMTPServer({
      disabledCommands: ["STARTTLS"],
      allowInsecureAuth: true,
      onConnect: (_session, callback) => {
        this.connections++;
        callback();
      },
      onAuth: ({ username, password }, _session, callback) => {
        if (username === "ann" && password === "secret") callback(null, { user: username });
        else callback(reply(535, "5.7.8 no such user"));
      },
      onRcptTo: ({ address }, _session, callback) =>
        void this.onRecipientLater().then(() => answer(callback, () => this.onRecipient(address))),
      onData: (stream, session, callback) => {
        const pieces: Buffer[] = [];
        stream.on("data", (piece: Buffer) => pieces.push(piece));
        stream.once("end", () =>
          answer(callback, () => {
            this.onData();
            const { mailFrom, rcptTo } = session.envelope;
            this.taken.push({
              from: mailFrom === false ? "" : mailFrom.address,
              to: rcptTo.map(({ address }) => address),
              content: Buffer.concat(pieces).toString("latin1"),
              greeting: session.hostNameAppearsAs,
            });
          }),
        );
      },
      ...this.#options,
    });
    server.on("error", () => undefined);
    const listening = server.listen(this.#port, "127.0.0.1");
    await once(listening, "listening");
    const address = listening.address();
    this.#port = address === null || typeof address === "string" ? 0 : address.port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function answer(callback: (error?: Error | null) => void, work: () => void): void {
  try {
    work();
  } catch (error) {
    return callback(error as Error);
  }
  callback();
}
