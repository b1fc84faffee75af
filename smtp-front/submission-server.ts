import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Logger } from "../foundation/logger.ts";
import { SubmissionConnection } from "./connection.ts";
import type { SmtpLimits } from "./limits.ts";
import type { SlowedLogin } from "./login.ts";
import { replyError, toReply } from "./reply.ts";
import { data, mail, rcpt } from "./transaction.ts";

export interface SubmissionServerOptions {
  readonly name: string;
  readonly tls: { readonly key: string | Buffer; readonly cert: string | Buffer };
  readonly login: SlowedLogin;
  readonly logger: Logger;
  readonly limits: SmtpLimits;
}

/** smtp-server without its listener: sockets are handed in, with or without TLS on them. */
export class SubmissionServer extends SMTPServer {
  /** Messages that are being taken. */
  readonly receiving = new Set<object>();

  constructor(options: SubmissionServerOptions) {
    super(serverOptions(options));
    const { login, logger, limits } = options;
    const settle = <T>(work: Promise<T>, callback: (error: Error | null, value?: T) => void) => {
      work.then(
        (value) => callback(null, value),
        (error: unknown) => callback(replyError(toReply(error, logger))),
      );
    };
    this.onAuth = (auth, session, callback) =>
      settle(
        login.login(session, auth.username ?? "", auth.password ?? "").then((user) => ({ user })),
        callback,
      );
    this.onMailFrom = (address, session, callback) =>
      settle(mail(address, session, limits.messageOctets), (error) => callback(error));
    this.onRcptTo = (address, session, callback) => settle(rcpt(address, session), (error) => callback(error));
    this.onData = (stream, session, callback) => {
      this.receiving.add(session);
      const work = data(stream, session, { limit: limits.messageOctets, logger });
      settle(
        work.finally(() => this.receiving.delete(session)),
        callback,
      );
    };
    this.on("error", (error: Error) => logger("debug", "connection ended badly", { error: error.name }));
  }

  override connect(socket: Socket | TLSSocket): void {
    const connection = new SubmissionConnection(this, socket);
    this.connections.add(connection);
    connection.on("error", (error: Error) => this.emit("error", error));
    connection.init();
  }
}

function serverOptions({ name, tls, limits }: SubmissionServerOptions): SMTPServerOptions {
  return {
    name,
    key: tls.key,
    cert: tls.cert,
    minVersion: "TLSv1.2",
    secure: false,
    logger: false,
    heloResponse: "%s",
    authMethods: ["PLAIN", "LOGIN"],
    authRequiredMessage: "5.7.0 Authentication is needed",
    disabledCommands: ["XCLIENT", "XFORWARD", "WIZ", "SHELL", "KILL"],
    disableReverseLookup: true,
    hideENHANCEDSTATUSCODES: false,
    hideDSN: false,
    size: limits.messageOctets,
    maxRecipients: limits.recipients,
    maxClients: limits.connections,
    socketTimeout: limits.idle,
  };
}
