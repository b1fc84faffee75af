import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Clock } from "../foundation/clock.ts";
import type { Logger } from "../foundation/logger.ts";
import { Announcements } from "./announcements.ts";
import { capabilities } from "./capability.ts";
import type { DamagedMessages } from "./damaged-messages.ts";
import { dispatch } from "./dispatch.ts";
import type { ImapLimits } from "./limits.ts";
import type { LoginThrottle } from "./login-throttle.ts";
import { Pace } from "./pace.ts";
import type { PreviewCache } from "./preview-cache.ts";
import type { Progress } from "./progress.ts";
import { CommandFailure, failureReply } from "./reply.ts";
import { channelBinding } from "./sasl/channel-binding.ts";
import { FollowedSearches } from "./search/followed-searches.ts";
import { SessionNews } from "./session-news.ts";
import type { SortableCache } from "./sort/sortable-cache.ts";
import type { LoggedIn, State } from "./state.ts";
import type { Authenticator, Mailbox } from "./store.ts";
import type { MailboxView } from "./view.ts";
import { CommandReader, type ReadCommand, UnreadableCommand } from "./wire/command-reader.ts";
import { formatText } from "./wire/format.ts";
import { ConnectionClosed, Input, LineTooLong } from "./wire/input.ts";
import { Output } from "./wire/output.ts";
import { SyntaxFailure } from "./wire/scanner.ts";

/** What all sessions of a server share. */
export interface SessionOptions {
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: ImapLimits;
  readonly throttle: LoginThrottle;
  readonly damaged: DamagedMessages;
  readonly sortables: SortableCache;
  readonly previews: PreviewCache;
  /** Answer to ID (RFC 2971), field by field. */
  readonly serverId: Readonly<Record<string, string>>;
  /** LOGIN and AUTHENTICATE are taken without TLS. */
  readonly plaintextLogin: boolean;
  /** The server's part of a SCRAM nonce (RFC 5802 section 5.1, attribute r): new each time. */
  readonly scramNonce: () => string;
  /** Puts TLS on a plain connection; undefined where none can be had. */
  readonly startTls: ((plain: Duplex) => Promise<TLSSocket>) | undefined;
}

/** Begins a request of HTTP; no IMAP command looks so. */
const HTTP = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI) \S+ HTTP\/\d/;

const STOPPING = "the server is shutting down";

/** One connection, from the greeting to the end. Commands are carried out one after another. */
export class Session {
  readonly options: SessionOptions;
  readonly limits: ImapLimits;
  readonly pace: Pace;
  state: State = { kind: "notAuthenticated" };
  input: Input;
  output: Output;
  reader: CommandReader;
  /** The client enabled IMAP4rev2 (RFC 9051), UTF8=ACCEPT (RFC 6855), QRESYNC (RFC 7162). */
  rev2 = false;
  utf8 = false;
  qresync = false;
  readonly news = new SessionNews(this);
  readonly announcements = new Announcements(this);
  loginFailures = 0;
  /** Searches in the selected mailbox whose results the client is kept informed of. */
  readonly followed = new FollowedSearches();
  /** Tag of the command that is carried out. */
  tag = "";
  /** Of the command that is carried out, if it may take long. */
  progress: Progress | undefined;
  /** The session ends after the present command. */
  ending = false;
  #stream: Duplex;
  #secure: boolean;
  #condStore = false;
  #uidOnly = false;
  #errors = 0;
  #working = false;
  #stopping = false;
  /** Something is told that no command asked for. */
  #announcing = false;
  #cancelTimer: () => void = () => undefined;
  readonly #abort = new AbortController();

  constructor(stream: Duplex, secure: boolean, options: SessionOptions) {
    this.options = options;
    this.limits = options.limits;
    this.pace = new Pace(options.limits.timeSlice);
    this.#stream = stream;
    this.#secure = secure;
    this.input = new Input(stream);
    this.output = this.#newOutput(stream);
    this.reader = new CommandReader(this.input, this.output, this.#bounds());
    this.#watchStream(stream);
  }

  /** Aborted when the client is gone: whoever searches for it may stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get capabilities(): string {
    return capabilities(this.state, {
      secure: this.#secure,
      canStartTls: this.canStartTls,
      plaintextLogin: this.options.plaintextLogin,
      scram: this.options.authenticator.scram !== undefined,
    });
  }

  get canStartTls(): boolean {
    return !this.#secure && this.options.startTls !== undefined;
  }

  /** Mailbox names go to and fro in UTF-8, no longer in modified UTF-7. */
  get utf8Names(): boolean {
    return this.rev2 || this.utf8;
  }

  get mayLogIn(): boolean {
    return this.#secure || this.options.plaintextLogin;
  }

  /** A login can be bound to the connection. */
  get offersBinding(): boolean {
    return this.#stream instanceof TLSSocket && this.options.authenticator.scram !== undefined;
  }

  /** The connection's octets for a type of channel binding; undefined where there are none. */
  async channelBinding(type: string): Promise<Buffer | undefined> {
    return this.#stream instanceof TLSSocket ? await channelBinding(this.#stream, type) : undefined;
  }

  /** Serves the connection to its end. Never rejects. */
  async run(): Promise<void> {
    try {
      this.output.write(`* OK [CAPABILITY ${this.capabilities}] IMAP4rev1 at your service\r\n`);
      await this.output.flush();
      while (!this.ending) {
        this.#restartTimer();
        const line = await this.#firstLine();
        if (line === undefined) break;
        this.#working = true;
        await this.#serve(line);
        this.#working = false;
      }
    } catch (error) {
      if (!(error instanceof ConnectionClosed))
        this.options.logger("error", "imap.session", { cause: describe(error) });
    } finally {
      this.#cancelTimer();
      this.#abort.abort();
      this.unselect();
      this.news.close();
      this.#end();
    }
  }

  /** Says BYE and ends, at once if the client is waited for, otherwise after the command. */
  stop(): void {
    this.ending = true;
    this.#stopping = true;
    if (!this.#busy) this.#bye(STOPPING);
  }

  /** Closes the connection after what was written. */
  hangUp(): void {
    this.ending = true;
    this.#end();
  }

  logIn(state: LoggedIn): void {
    this.state = state;
    this.loginFailures = 0;
    this.reader.setBounds(this.#bounds());
  }

  /** FETCH responses that the client did not ask for say which UID they mean (RFC 9051 section 7.5.2, RFC 7162 section 3.2.4). */
  get tellsUids(): boolean {
    return this.condStore || this.rev2;
  }

  /** The client enabled UIDONLY (RFC 9586): there are no sequence numbers in commands nor in responses. */
  get uidOnly(): boolean {
    return this.#uidOnly;
  }

  /** Results of sequence numbers can no longer be followed. */
  enableUidOnly(): void {
    this.#uidOnly = true;
    for (const text of this.followed.dropNumbered()) this.output.write(text);
  }

  /** RFC 7162 section 3.1: the client wants to hear MODSEQs. */
  get condStore(): boolean {
    return this.#condStore;
  }

  /** The first time it is told how far the selected mailbox is (RFC 7162 section 3.1), but not beyond changes that it does not know. */
  enableCondStore(): void {
    if (this.#condStore) return;
    this.#condStore = true;
    if (this.state.kind !== "selected") return;
    this.output.write(`* OK [HIGHESTMODSEQ ${this.state.view.knownModSeq}] highest mod-sequence\r\n`);
  }

  /** To be called when something was enabled: the next command is read accordingly. */
  enabled(): void {
    this.reader.setBounds(this.#bounds());
  }

  select(view: MailboxView): void {
    if (this.state.kind === "notAuthenticated") throw new Error("SELECT before login");
    this.unselect();
    this.state = { kind: "selected", store: this.state.store, view };
  }

  /** Leaves the selected mailbox, if there is one. */
  unselect(): void {
    if (this.state.kind !== "selected") return;
    this.state.view.close();
    this.followed.clear();
    this.state = { kind: "authenticated", store: this.state.store };
  }

  /** Switches to TLS after the answer was sent; whatever came in plain meanwhile is forgotten (RFC 9051 section 6.2.1). */
  async startTls(): Promise<void> {
    if (this.options.startTls === undefined) throw new Error("no TLS context");
    this.input.detach();
    while (this.#stream.read() !== null);
    const stream = await this.options.startTls(this.#stream).catch((error: unknown) => {
      this.options.logger("info", "imap.tls-handshake-failed");
      throw new ConnectionClosed("the TLS handshake failed", { cause: error });
    });
    this.#stream = stream;
    this.#secure = true;
    this.input = new Input(stream);
    this.output = this.#newOutput(stream);
    this.reader = new CommandReader(this.input, this.output, this.#bounds());
    this.#watchStream(stream);
  }

  /** What the session hands in with the changes that it makes. */
  get origin(): object {
    return this.state.kind === "selected" ? this.state.view : this;
  }

  get selectedMailbox(): Mailbox | undefined {
    return this.state.kind === "selected" ? this.state.view.mailbox : undefined;
  }

  /** Whether `announce` would tell anything. */
  hasNews(expunge: boolean): boolean {
    return !this.ending && this.news.pending(expunge);
  }

  /** Tells changes while no command is answered. */
  async announce(expunge: boolean): Promise<void> {
    this.#announcing = true;
    try {
      await this.news.tell(expunge);
      await this.output.flush();
    } finally {
      this.#announcing = false;
    }
    if (this.ending) this.#bye(this.#stopping ? STOPPING : undefined);
  }

  /** Something is written, perhaps in the middle of a literal. */
  get #busy(): boolean {
    return this.#working || this.#announcing;
  }

  /** The next line in the middle of a command (SASL, IDLE); undefined at the end of the connection. */
  async commandLine(): Promise<string | undefined> {
    this.#restartTimer();
    this.#working = false;
    const line = await this.input.line(this.#bounds().line);
    this.#working = true;
    return line;
  }

  async #firstLine(): Promise<string | undefined> {
    try {
      return await this.#awaitLine();
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      const tag = /^[^\s*+(){%"\\]+(?= )/.exec(error.start)?.[0] ?? "*";
      await this.#complain(tag, new CommandFailure("BAD", "TOOBIG", "the line is too long"));
      return this.ending ? undefined : "";
    }
  }

  /** The first line of the next command; until it comes, a client that asked for it with NOTIFY is told what happens. */
  async #awaitLine(): Promise<string | undefined> {
    const { notifications } = this.news;
    if (notifications?.live !== true) return await this.input.line(this.#bounds().line);
    this.announcements.begin(notifications.immediate);
    try {
      return await this.input.line(this.#bounds().line);
    } finally {
      await this.announcements.end();
    }
  }

  async #serve(line: string): Promise<void> {
    if (line === "") return;
    if (this.state.kind === "notAuthenticated" && HTTP.test(line)) {
      this.options.logger("warn", "imap.http-request");
      this.ending = true;
      return;
    }
    let tag = "*";
    try {
      const command = await this.reader.command(line);
      tag = command.tag;
      await this.#carryOut(command);
      this.#errors = 0;
    } catch (error) {
      await this.#failed(error instanceof UnreadableCommand ? error.tag : tag, error);
    }
    await this.reader.finish().catch((error: unknown) => {
      if (!(error instanceof LineTooLong)) throw error;
    });
  }

  async #carryOut(command: ReadCommand): Promise<void> {
    this.tag = command.tag;
    const done = await dispatch(this, command);
    if (done.tellChanges) await this.news.tell(done.expunge, command.name.startsWith("UID "));
    this.output.write(`${command.tag} OK ${done.text}\r\n`);
    await this.output.flush();
    await done.afterwards?.();
    if (this.ending) this.#bye(this.#stopping ? STOPPING : undefined);
  }

  async #failed(tag: string, error: unknown): Promise<void> {
    if (error instanceof ConnectionClosed) throw error;
    if (error instanceof UnreadableCommand) return await this.#failed(tag, error.reason);
    if (error instanceof LineTooLong)
      return await this.#complain(tag, new CommandFailure("BAD", "TOOBIG", "the line is too long"));
    if (error instanceof SyntaxFailure)
      return await this.#complain(tag, new CommandFailure("BAD", undefined, error.message));
    let reply = failureReply(error);
    if (reply === undefined) {
      if (this.signal.aborted) throw new ConnectionClosed("the client is gone", { cause: error });
      this.options.logger("error", "imap.command", { cause: describe(error) });
      reply = new CommandFailure("NO", "SERVERBUG", "something went wrong inside; the log says more");
    }
    if (reply.status === "BAD") return await this.#complain(tag, reply);
    await this.news.tell(false);
    this.#reply(tag, reply);
    await this.output.flush();
  }

  /** Tells a BAD; a client that does nothing else is shown out. */
  async #complain(tag: string, reply: CommandFailure): Promise<void> {
    this.#reply(tag, reply);
    this.#errors++;
    if (this.#errors >= this.limits.consecutiveErrors) {
      this.options.logger("warn", "imap.too-many-errors");
      this.ending = true;
      this.output.write("* BYE too many errors\r\n");
    }
    await this.output.flush();
  }

  #reply(tag: string, reply: CommandFailure): void {
    const code = reply.code === undefined ? "" : `[${reply.code}] `;
    this.output.write(`${tag} ${reply.status} ${code}${formatText(reply.message)}\r\n`);
  }

  #bye(text: string | undefined): void {
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    if (text !== undefined) this.#stream.write(`* BYE ${text}\r\n`);
    this.#end();
  }

  #end(): void {
    if (this.#stream.destroyed) return;
    if (!this.#stream.writableEnded) this.#stream.end();
    // A client that does not close its side keeps no socket open.
    this.#stream.resume();
    const stream = this.#stream;
    const cancel = this.options.clock.after(this.limits.stopGrace, () => stream.destroy());
    stream.once("close", cancel);
  }

  /** Ends the connection once nothing came for so long; while a command is carried out, once nothing was taken either. */
  #restartTimer(): void {
    this.#cancelTimer();
    const { input, output } = this;
    const { received } = input;
    const { sent } = output;
    const time = this.state.kind === "notAuthenticated" ? this.limits.loginTimeout : this.limits.idleTimeout;
    this.#cancelTimer = this.options.clock.after(time, () => {
      if (input.received !== received || (this.#busy && output.sent !== sent)) this.#restartTimer();
      else if (this.#busy) this.#stream.destroy();
      else this.#bye("no command for too long");
    });
  }

  #newOutput(stream: Duplex): Output {
    return new Output(stream, this.options.clock, this.limits.outputChunk, this.limits.stalledTimeout);
  }

  #watchStream(stream: Duplex): void {
    stream.on("error", () => stream.destroy());
    const gone = () => {
      if (stream === this.#stream) this.#abort.abort();
    };
    // Who closes its side is not waiting for a long search.
    stream.once("end", gone);
    stream.once("close", gone);
  }

  #bounds() {
    const known = this.state.kind !== "notAuthenticated";
    return {
      line: known ? this.limits.lineOctets : this.limits.unauthenticatedLineOctets,
      literalOctets: known ? this.limits.literalOctets : this.limits.unauthenticatedLiteralOctets,
      literals: this.limits.literals,
      nesting: this.limits.nesting,
      discard: this.limits.discardOctets,
      annotation: this.limits.annotationOctets,
      utf8Names: this.utf8Names,
    };
  }
}

/** Where a bug is, without what it was about: the stack's frames, not its message. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return `${error.name}${frames.slice(0, 4).join("")}`.replace(/\s+/g, " ");
}
