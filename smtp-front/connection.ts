import { TLSSocket } from "node:tls";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { DataParser } from "./data-parser.ts";

const ENHANCED = /^[245]\.\d{1,3}\.\d{1,3} /;

/** Replies of smtp-server that carry another enhanced code than RFC 4954, 5248 and 3463 have for the case. */
const CORRECTED: Readonly<Record<string, string>> = {
  "538 Error: Must issue a STARTTLS command first": "5.7.11 Encryption is needed: STARTTLS first",
  "421 Server shutting down": "4.3.2 The bridge is stopping; please try again later",
  "504 Error: Unrecognized authentication type": "5.5.4 AUTH PLAIN or AUTH LOGIN, please",
};

/** smtp-server's connection, with exact enhanced codes, AUTH offered under TLS only and no pause before the greeting. */
export class SubmissionConnection extends SMTPConnection {
  #ready = false;

  constructor(...parameters: ConstructorParameters<typeof SMTPConnection>) {
    super(...parameters);
    const socket = parameters[1];
    if (!(socket instanceof TLSSocket)) return;
    this.secure = true;
    this.session.secure = true;
    this.tlsOptions = socket.getCipher();
  }

  /** The wait for early talkers is over when the connection comes here: see first-octets.ts. */
  override init(): void {
    super.init();
    this.connectionReady();
  }

  override connectionReady(next?: () => void): void {
    if (this.#ready) return;
    this.#ready = true;
    super.connectionReady(next);
  }

  override _createParser(): DataParser {
    const parser = new DataParser({ maxCommandLength: this._server.options.maxCommandLength });
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.on("error", (error: Error) => this.send(421, `Error: ${error.message}`));
    return parser;
  }

  /** A text that begins with an enhanced code (RFC 2034) keeps it. */
  override send(code: number, data?: string | string[], context?: string | false): void {
    this.#gather();
    if (Array.isArray(data)) {
      const offered = this.secure ? data : data.filter((line) => !line.startsWith("AUTH "));
      super.send(code, offered, context);
      return;
    }
    const text = CORRECTED[`${code} ${data ?? ""}`] ?? data;
    if (text !== undefined && ENHANCED.test(text)) super.send(code, text, false);
    else super.send(code, text, context);
  }

  /**
   * Replies to commands that came together leave together (RFC 2920 section 3.2): each alone would be a TLS record, a
   * system call here and another at the client. In the clear there is nothing to wait for, and STARTTLS follows at once.
   */
  #gather(): void {
    const socket = this._socket;
    if (!this.secure || socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
}
