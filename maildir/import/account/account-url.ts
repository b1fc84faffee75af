import { Failure } from "../../../foundation/failure.ts";

/** Which mailboxes on which server. */
export interface AccountUrl {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** TLS from the first octet on; otherwise STARTTLS. */
  readonly implicitTls: boolean;
  /** The one folder that is named, as the server spells it. */
  readonly folder?: string;
}

export function isAccountUrl(text: string): boolean {
  return /^imaps?:\/\//i.test(text);
}

/**
 * Parses `imaps://user@host[:port]/[folder]`; an @ in the user may stand as it is.
 * @throws Failure invalid; the message does not repeat what may be a password
 */
export function parseAccountUrl(text: string): AccountUrl {
  const invalid = (why: string): Failure =>
    new Failure("invalid", `${why}: an account is written imaps://user@host or imaps://user@host:port/folder`);
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new Failure("invalid", invalid("this is no URL").message, { cause });
  }
  const implicitTls = url.protocol === "imaps:";
  if (!implicitTls && url.protocol !== "imap:") throw invalid("the URL is of another kind");
  if (url.password !== "" || /^[^/]*\/\/[^/@]*:[^/@]*@/.test(text))
    throw new Failure("invalid", "a password does not belong on the command line: leave it out, it is asked for");
  if (url.search !== "" || url.hash !== "") throw invalid("the URL has parts that are not understood");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (host === "") throw invalid("the server is missing");
  if (url.username === "") throw invalid("the user is missing");
  const [user, folder] = [decoded(url.username), decoded(url.pathname.replace(/^\//, "").replace(/\/$/, ""))];
  if (user === undefined || folder === undefined || hasControls(user + folder + host))
    throw invalid("the URL holds what is no text");
  const port = url.port === "" ? (implicitTls ? 993 : 143) : Number(url.port);
  return { host, port, user, implicitTls, ...(folder !== "" && { folder }) };
}

/** The account in the ledger: the same one on both usual ports. */
export function accountName({ user, host, port }: Pick<AccountUrl, "user" | "host" | "port">): string {
  return port === 993 || port === 143 ? `${user}@${host}` : `${user}@${host}:${port}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
