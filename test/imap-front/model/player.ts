import type { RunningImapServer } from "../../../imap-front/server.ts";
import { Client } from "../dialogue.ts";
import type { ModelMailbox, ModelView } from "./mail-model.ts";
import { Mirror, type Profile } from "./mirror.ts";
import { parseResponses, type Response } from "./responses.ts";

/** What a client remembers of a mailbox it left, to come back to it with QRESYNC. */
export interface Remembered {
  readonly mailbox: ModelMailbox;
  readonly uidValidity: number;
  readonly modSeq: number;
  readonly flags: ReadonlyMap<number, readonly string[]>;
}

/** One session: the connection, what its client knows, and what the model says that it was told. */
export class Player {
  readonly #server: RunningImapServer;
  readonly #log: string[];
  readonly profile: Profile;
  readonly who: number;
  view: ModelView | undefined;
  mirror: Mirror;
  /** CONDSTORE was enabled, by ENABLE or by a command that does so (RFC 7162 section 3.1). */
  condStore = false;
  remembered: Remembered | undefined;
  /** Tag of the IDLE that waits. */
  idle: string | undefined;
  /** Its mailbox was removed by another session: BYE comes next. */
  doomed = false;
  #client: Client | undefined;
  #tags = 0;

  constructor(server: RunningImapServer, who: number, profile: Profile, log: string[]) {
    this.#server = server;
    this.#log = log;
    this.who = who;
    this.profile = profile;
    this.mirror = new Mirror(profile);
  }

  async connect(): Promise<void> {
    this.#client?.close();
    this.#client = await (await Client.connect(this.#server)).login();
    this.view = undefined;
    this.idle = undefined;
    this.doomed = false;
    this.remembered = undefined;
    this.mirror = new Mirror(this.profile);
    this.condStore = this.profile.condStore;
    const enabled = [
      ...(this.profile.condStore ? ["CONDSTORE"] : []),
      ...(this.profile.qresync ? ["QRESYNC"] : []),
      ...(this.profile.rev2 ? ["IMAP4rev2"] : []),
      ...(this.profile.uidOnly ? ["UIDONLY"] : []),
    ];
    if (enabled.length > 0) await this.command(`ENABLE ${enabled.join(" ")}`);
  }

  /** Sends a command and feeds the mirror with all that comes up to its tagged response, which is the last one. */
  async command(text: string): Promise<Response[]> {
    const tag = this.#nextTag();
    this.#send(`${tag} ${text}\r\n`);
    return this.#take(await this.#connected.answer(tag), text);
  }

  async beginIdle(): Promise<void> {
    const tag = this.#nextTag();
    this.#send(`${tag} IDLE\r\n`);
    this.#take(await this.#connected.until(/\+ idling\r\n/), "IDLE");
    this.idle = tag;
  }

  async endIdle(): Promise<Response[]> {
    const tag = this.idle ?? "";
    this.idle = undefined;
    this.#send("DONE\r\n");
    return this.#take(await this.#connected.answer(tag), "IDLE");
  }

  /** Everything up to the end of the connection, which the server closes. */
  async rest(): Promise<string> {
    return await this.#connected.rest();
  }

  close(): void {
    this.#client?.close();
  }

  get #connected(): Client {
    if (this.#client === undefined) throw new Error("not connected");
    return this.#client;
  }

  #nextTag(): string {
    return `${"abc"[this.who]}${++this.#tags}`;
  }

  #send(text: string): void {
    this.#log.push(`C${this.who + 1}: ${text.trimEnd()}`);
    this.#connected.send(text);
  }

  #take(text: string, command: string): Response[] {
    this.#log.push(
      ...text
        .trimEnd()
        .split("\r\n")
        .map((line) => `S${this.who + 1}: ${line}`),
    );
    const responses = parseResponses(text);
    const name = /^(?:UID )?[A-Z]+/.exec(command)?.[0] ?? "";
    if (/^(?:SELECT|EXAMINE) /.test(command)) this.mirror.clear();
    for (const response of responses) this.mirror.take(response, name);
    return responses;
  }
}
