import assert from "node:assert/strict";
import type { RunningImapServer } from "../../../imap-front/server.ts";
import type { MailStore } from "../../../imap-front/store.ts";
import type { Profile } from "./mirror.ts";
import { flagsFor, messageSet, type Operation } from "./operation.ts";
import { Player } from "./player.ts";

/** Mailboxes that the sessions work on; both are there all the time. */
const NAMES: readonly string[] = ["INBOX", "A"];

/**
 * Three sessions at once. Which command comes first nobody knows, so each session is held against itself: what it was
 * told must make sense (mirror.ts), and when all is quiet, what it knows must be what is there.
 */
export class FreePlay {
  readonly log: string[] = [];
  readonly #store: MailStore;
  readonly #players: Player[];
  readonly #selected = new Map<Player, string>();
  #contents = 0;

  constructor(store: MailStore, server: RunningImapServer, profiles: readonly Profile[]) {
    this.#store = store;
    this.#players = profiles.map((profile, who) => new Player(server, who, profile, this.log));
  }

  /** Each round has one command for each session. */
  async play(rounds: readonly (readonly Operation[])[]): Promise<void> {
    await this.#store.create("A");
    for (const player of this.#players) {
      await player.connect();
      await this.#select(player, "INBOX");
    }
    for (const round of rounds)
      await Promise.all(this.#players.map((player, who) => this.#act(player, round[who % round.length] as Operation)));
    for (const player of this.#players) if (player.idle !== undefined) await player.endIdle();
    for (const player of this.#players) await this.#converge(player);
    this.close();
  }

  close(): void {
    for (const player of this.#players) player.close();
  }

  async #select(player: Player, name: string): Promise<void> {
    this.#selected.set(player, name);
    await player.command(`SELECT ${name}`);
  }

  async #act(player: Player, operation: Operation): Promise<void> {
    const { kind, a, b } = operation;
    const byUid = operation.uid || player.profile.uidOnly;
    const uid = byUid ? "UID " : "";
    const size = player.mirror.list.length;
    const set = messageSet(byUid ? size + 10 : size, operation);
    const name = NAMES[a % 2] ?? "INBOX";
    const flags = flagsFor(operation).join(" ");
    if (player.idle !== undefined) await player.endIdle();
    switch (kind) {
      case "IDLE":
        return await player.beginIdle();
      case "SELECT":
      case "QRESYNC":
        return await this.#select(player, name);
      case "APPEND":
      case "CREATE":
      case "DELETE":
      case "RENAME": {
        const text = `Subject: ${++this.#contents}\r\n\r\nx\r\n`;
        await player.command(`APPEND ${name} (${flags}) {${text.length}+}\r\n${text}`);
        return;
      }
      case "STORE SILENT":
        for (const known of player.mirror.messages) known.flags = undefined;
        await player.command(`${uid}STORE ${set} ${["+", "-", ""][b % 3]}FLAGS.SILENT (${flags})`);
        // What came meanwhile may be older than what was asked for in silence.
        for (const known of player.mirror.messages) known.flags = undefined;
        return;
      case "STORE":
      case "STORE UNCHANGEDSINCE":
        await player.command(`${uid}STORE ${set} ${["+", "-", ""][b % 3]}FLAGS (${flags})`);
        return;
      case "COPY":
      case "MOVE":
        await player.command(`${uid}${kind} ${set} ${name}`);
        return;
      case "EXPUNGE":
      case "UID EXPUNGE":
        await player.command(kind === "EXPUNGE" ? kind : `${kind} ${set}`);
        return;
      case "FETCH":
      case "FETCH CHANGEDSINCE":
        await player.command(`${uid}FETCH ${set} (UID FLAGS${b % 3 === 0 ? " BODY[TEXT]" : ""})`);
        return;
      case "SEARCH":
        await player.command(`${uid}SEARCH NOT DELETED`);
        return;
      default:
        await player.command("NOOP");
    }
  }

  async #converge(player: Player): Promise<void> {
    await player.command("NOOP");
    const mailbox = this.#store.mailbox(this.#selected.get(player) ?? "");
    assert.ok(mailbox !== undefined);
    const stored = [...mailbox.summaries(mailbox.uids())];
    assert.equal(
      player.mirror.list.length,
      stored.length,
      `session ${player.who + 1} knows another number of messages`,
    );
    for (const [index, { uid, flags }] of stored.entries()) {
      const known = player.mirror.known(index, uid);
      if (known?.uid !== undefined) assert.equal(known.uid, uid, `session ${player.who + 1}, message ${index + 1}`);
      if (known?.flags !== undefined)
        assert.deepEqual(known.flags, [...flags].sort(), `session ${player.who + 1} knows old flags of UID ${uid}`);
    }
    if (stored.length > 0) await player.command("UID FETCH 1:* (UID FLAGS)");
    assert.deepEqual(
      player.mirror.messages.map(({ uid, flags }) => [uid, flags]),
      stored.map(({ uid, flags }) => [uid, [...flags].sort()]),
    );
  }
}
