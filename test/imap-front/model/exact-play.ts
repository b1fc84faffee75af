import assert from "node:assert/strict";
import type { RunningImapServer } from "../../../imap-front/server.ts";
import type { Mailbox, MailStore } from "../../../imap-front/store.ts";
import { formatSet } from "../../../imap-front/wire/sequence-set.ts";
import { ModelMailbox, ModelView } from "./mail-model.ts";
import { fetchItems, type Profile } from "./mirror.ts";
import { FLAGS, flagsFor, messageSet, NAMES, type Operation } from "./operation.ts";
import { Player } from "./player.ts";
import { numbersOf, type Response, type Value } from "./responses.ts";

/** What a tagged response must begin with: `OK`, `NO [TRYCREATE]`. */
type Expected = string;

const sorted = (flags: Iterable<string>) => [...flags].sort();

/** Three sessions on one store, one command at a time, each response compared with what the model says. */
export class ExactPlay {
  readonly log: string[] = [];
  readonly #store: MailStore;
  readonly #mailboxes = new Map<string, ModelMailbox>([["INBOX", new ModelMailbox("INBOX")]]);
  readonly #players: Player[];
  /** Every UIDVALIDITY with the mailbox that had it. */
  readonly #validities = new Map<string, ModelMailbox>();
  /** MODSEQs as they were after the last command, and HIGHESTMODSEQ. */
  readonly #modSeqs = new Map<ModelMailbox, { highest: number; messages: Map<number, number> }>();
  #contents = 0;

  constructor(store: MailStore, server: RunningImapServer, profiles: readonly Profile[]) {
    this.#store = store;
    this.#players = profiles.map((profile, who) => new Player(server, who, profile, this.log));
  }

  async play(operations: readonly Operation[]): Promise<void> {
    for (const player of this.#players) await player.connect();
    for (const operation of operations) await this.#step(operation);
    for (const player of this.#players) await this.#converge(player);
    this.close();
  }

  close(): void {
    for (const player of this.#players) player.close();
  }

  async #step(operation: Operation): Promise<void> {
    const player = this.#players[operation.who] as Player;
    this.log.push(`# ${JSON.stringify(operation)}`);
    for (const mailbox of this.#mailboxes.values()) {
      mailbox.touched.clear();
      mailbox.removed = false;
    }
    if (player.doomed) return await this.#saysBye(player);
    if (player.idle !== undefined) {
      this.#tagged(await player.endIdle(), "OK");
      this.#told(player, true);
      return;
    }
    await this.#perform(player, operation);
    this.#compareStore();
  }

  /** Another session removed the mailbox: the connection ends, and the client begins anew. */
  async #saysBye(player: Player): Promise<void> {
    if (player.idle !== undefined) assert.match(await player.rest(), /^\* BYE [^\r]*\r\n$/m);
    else assert.ok((await player.command("NOOP")).some(({ name }) => name === "BYE"));
    await player.connect();
  }

  async #perform(player: Player, operation: Operation): Promise<void> {
    const { kind } = operation;
    switch (kind) {
      case "SELECT":
      case "EXAMINE":
        return await this.#select(player, operation, kind === "EXAMINE");
      case "QRESYNC":
        return await this.#resync(player, operation);
      case "APPEND":
        return await this.#append(player, operation);
      case "CATENATE":
        return await this.#catenate(player, operation);
      case "CREATE":
      case "DELETE":
      case "RENAME":
        return await this.#manage(player, operation);
      case "STATUS":
        return await this.#status(player, operation);
      case "NOOP":
        this.#tagged(await player.command("NOOP"), "OK");
        return this.#told(player, true);
      case "IDLE":
        return await player.beginIdle();
    }
    const { view } = player;
    if (view === undefined) return await this.#select(player, operation, operation.c % 8 === 0);
    if (player.profile.uidOnly && !operation.uid) {
      await this.#refusesNumbers(player, kind);
      return await this.#perform(player, { ...operation, uid: true });
    }
    switch (kind) {
      case "UNSELECT":
        this.#tagged(await player.command("UNSELECT"), "OK");
        player.view = undefined;
        return;
      case "CLOSE":
        this.#tagged(await player.command("CLOSE"), "OK");
        if (!view.readOnly) view.mailbox.remove(deletedOf(view, view.told));
        player.view = undefined;
        return;
      case "EXPUNGE":
      case "UID EXPUNGE":
        return await this.#expunge(player, view, operation);
      case "STORE":
      case "STORE SILENT":
      case "STORE UNCHANGEDSINCE":
        return await this.#storeFlags(player, view, operation);
      case "COPY":
      case "MOVE":
        return await this.#copy(player, view, operation);
      case "FETCH":
      case "FETCH CHANGEDSINCE":
        return await this.#fetch(player, view, operation);
      case "SEARCH":
        return await this.#search(player, view, operation);
      case "SORT":
        return await this.#sort(player, view, operation);
      case "REPLACE":
        return await this.#replace(player, view, operation);
    }
  }

  /** After ENABLE UIDONLY no command takes sequence numbers, and none that tried changes or tells anything (RFC 9586 section 3). */
  async #refusesNumbers(player: Player, kind: Operation["kind"]): Promise<void> {
    const command = BY_NUMBER.get(kind);
    if (command === undefined) return;
    const responses = await player.command(command);
    assert.equal(responses.length, 1);
    this.#tagged(responses, "BAD [UIDREQUIRED]");
  }

  async #select(player: Player, { a }: Operation, readOnly: boolean): Promise<void> {
    const name = nameFrom(a);
    player.view = undefined;
    const responses = await player.command(`${readOnly ? "EXAMINE" : "SELECT"} ${name}`);
    const mailbox = this.#mailboxes.get(name);
    if (mailbox === undefined) return this.#tagged(responses, "NO [NONEXISTENT]");
    this.#tagged(responses, readOnly ? "OK [READ-ONLY]" : "OK [READ-WRITE]");
    this.#selected(player, mailbox, readOnly, responses);
  }

  #selected(player: Player, mailbox: ModelMailbox, readOnly: boolean, responses: readonly Response[]): void {
    const { uidValidity } = this.#stored(mailbox);
    player.view = new ModelView(mailbox, readOnly);
    const codes = responses.map(({ code }) => code);
    assert.ok(codes.includes(`UIDVALIDITY ${uidValidity}`), "UIDVALIDITY");
    assert.ok(codes.includes(`UIDNEXT ${mailbox.uidNext}`), `UIDNEXT is ${mailbox.uidNext}`);
    assert.ok(codes.includes(`HIGHESTMODSEQ ${this.#stored(mailbox).status().highestModSeq}`), "HIGHESTMODSEQ");
    assert.equal(player.mirror.list.length, mailbox.messages.length);
  }

  /** Leaves the mailbox with all in hand, and comes back to it, or to the one it left before, with QRESYNC (RFC 7162 section 3.2.5). */
  async #resync(player: Player, operation: Operation): Promise<void> {
    const { view, remembered } = player;
    if (!player.profile.qresync) return await this.#select(player, operation, false);
    if (view !== undefined && !view.readOnly && (remembered === undefined || operation.a % 3 === 0)) {
      this.#tagged(await player.command("NOOP"), "OK");
      this.#told(player, true);
      player.remembered = {
        mailbox: view.mailbox,
        uidValidity: this.#stored(view.mailbox).uidValidity,
        modSeq: this.#stored(view.mailbox).status().highestModSeq,
        flags: new Map(view.mailbox.messages.map(({ uid, flags }) => [uid, sorted(flags)])),
      };
      this.#tagged(await player.command("UNSELECT"), "OK");
      player.view = undefined;
      return;
    }
    if (remembered === undefined || this.#mailboxes.get(remembered.mailbox.name) !== remembered.mailbox)
      return await this.#select(player, operation, false);
    const { mailbox, uidValidity, modSeq, flags } = remembered;
    const known = flags.size > 0 && operation.b % 2 === 0 ? ` ${formatSet([...flags.keys()])}` : "";
    player.mirror.vanishedEarlier = [];
    player.view = undefined;
    const responses = await player.command(`SELECT ${mailbox.name} (QRESYNC (${uidValidity} ${modSeq}${known}))`);
    this.#tagged(responses, "OK [READ-WRITE]");
    this.#selected(player, mailbox, false, responses);
    const now = new Map(flags);
    for (const uid of player.mirror.vanishedEarlier) {
      assert.ok(mailbox.find(uid) === undefined, `VANISHED ${uid}, which is there`);
      now.delete(uid);
    }
    for (const message of player.mirror.messages)
      if (message.uid !== undefined && message.flags !== undefined) now.set(message.uid, message.flags);
    const all = known === "" ? mailbox.messages : mailbox.messages.filter(({ uid }) => flags.has(uid));
    assert.deepEqual(
      [...now].sort(([x], [y]) => x - y),
      all.map((message) => [message.uid, sorted(message.flags)]),
      "what the client knows after QRESYNC",
    );
  }

  #content(): string {
    this.#contents++;
    return `Subject: s${this.#contents}\r\n\r\nbody ${this.#contents}\r\n`;
  }

  async #append(player: Player, operation: Operation): Promise<void> {
    const name = nameFrom(operation.a);
    const flags = flagsFor(operation);
    const contents = Array.from({ length: 1 + (operation.c % 3) }, () => this.#content());
    const literals = contents.map((text) => `(${flags.join(" ")}) {${text.length}+}\r\n${text}`);
    const responses = await player.command(`APPEND ${name} ${literals.join(" ")}`);
    const mailbox = this.#mailboxes.get(name);
    if (mailbox === undefined) return this.#refused(player, responses, "NO [TRYCREATE]");
    const uids = contents.map((text) => mailbox.add(text, flags));
    this.#tagged(responses, `OK [APPENDUID ${this.#stored(mailbox).uidValidity} ${formatSet(uids)}]`);
    this.#told(player, true);
  }

  /** A literal with the text of a message that is here already behind it (RFC 4469). */
  async #catenate(player: Player, { a, b, c }: Operation): Promise<void> {
    const [name, from] = [nameFrom(a), nameFrom(b)];
    const source = this.#mailboxes.get(from);
    const uid = 1 + (c % (source?.uidNext ?? 1));
    const start = this.#content();
    const url = `"/${from}/;UID=${uid}/;SECTION=TEXT"`;
    const responses = await player.command(
      `APPEND ${name} ($a) CATENATE (TEXT {${start.length}+}\r\n${start} URL ${url})`,
    );
    const mailbox = this.#mailboxes.get(name);
    if (mailbox === undefined) return this.#refused(player, responses, "NO [TRYCREATE]");
    const message = source?.find(uid);
    if (message === undefined) return this.#refused(player, responses, "NO [BADURL");
    const added = mailbox.add(start + message.content.slice(message.content.indexOf("\r\n\r\n") + 4), ["$a"]);
    this.#tagged(responses, `OK [APPENDUID ${this.#stored(mailbox).uidValidity} ${added}]`);
    this.#told(player, true);
  }

  async #manage(player: Player, { kind, a, b }: Operation): Promise<void> {
    const [name, to] = [nameFrom(a), nameFrom(b)];
    const responses = await player.command(kind === "RENAME" ? `RENAME ${name} ${to}` : `${kind} ${name}`);
    const mailbox = this.#mailboxes.get(name);
    if (kind === "CREATE") {
      if (mailbox !== undefined) return this.#refused(player, responses, "NO [ALREADYEXISTS]");
      this.#mailboxes.set(name, new ModelMailbox(name));
    } else if (mailbox === undefined) return this.#refused(player, responses, "NO [NONEXISTENT]");
    else if (kind === "DELETE") {
      if (name === "INBOX") return this.#refused(player, responses, "NO [CANNOT]");
      this.#mailboxes.delete(name);
      for (const other of this.#players) {
        if (other.view?.mailbox !== mailbox) continue;
        if (other === player) other.view = undefined;
        else other.doomed = true;
      }
    } else {
      if (this.#mailboxes.has(to)) return this.#refused(player, responses, "NO");
      if (name === "INBOX") this.#renameInbox(mailbox, to);
      else {
        this.#mailboxes.delete(name);
        this.#mailboxes.set(to, mailbox);
        mailbox.name = to;
      }
    }
    this.#tagged(responses, "OK");
    this.#told(player, true);
  }

  /** Its messages, with their UIDs, are in the new mailbox; INBOX is there, and empty (RFC 9051 section 6.3.6). */
  #renameInbox(inbox: ModelMailbox, to: string): void {
    const renamed = new ModelMailbox(to);
    for (const message of inbox.messages) {
      renamed.messages.push(message);
      renamed.ever.push(message.uid);
    }
    renamed.uidNext = inbox.uidNext;
    this.#mailboxes.set(to, renamed);
    inbox.remove(inbox.messages.map(({ uid }) => uid));
  }

  async #status(player: Player, { a }: Operation): Promise<void> {
    const name = nameFrom(a);
    const responses = await player.command(`STATUS ${name} (MESSAGES UIDNEXT UNSEEN DELETED UIDVALIDITY)`);
    const mailbox = this.#mailboxes.get(name);
    if (mailbox === undefined) return this.#refused(player, responses, "NO [NONEXISTENT]");
    this.#tagged(responses, "OK");
    const { messages, uidNext } = mailbox;
    const count = (flag: string) => messages.filter(({ flags }) => flags.has(flag)).length;
    const items = ["MESSAGES", messages.length, "UIDNEXT", uidNext, "UNSEEN", messages.length - count("\\Seen")];
    items.push("DELETED", count("\\Deleted"), "UIDVALIDITY", this.#stored(mailbox).uidValidity);
    assert.deepEqual(responses.find((response) => response.name === "STATUS")?.values[1], items.map(String));
    this.#told(player, true);
  }

  async #expunge(player: Player, view: ModelView, operation: Operation): Promise<void> {
    const byUid = operation.kind === "UID EXPUNGE";
    const set = messageSet(view.mailbox.uidNext, operation);
    const responses = await player.command(byUid ? `UID EXPUNGE ${set}` : "EXPUNGE");
    if (view.readOnly) return this.#refused(player, responses, "NO [CANNOT]");
    view.mailbox.remove(deletedOf(view, byUid ? (view.resolve(set, true) ?? []) : view.told));
    this.#tagged(responses, "OK");
    this.#told(player, true);
  }

  async #storeFlags(player: Player, view: ModelView, operation: Operation): Promise<void> {
    const { kind, uid, a, b, c } = operation;
    const { mailbox } = view;
    const set = messageSet(uid ? mailbox.uidNext : view.told.length, operation);
    const how = ["", "+", "+", "-"][b % 4] ?? "";
    const flags = flagsFor(operation);
    const silent = kind === "STORE SILENT" || (kind === "STORE UNCHANGEDSINCE" && a % 2 === 0);
    const modSeqs = this.#modSeqs.get(mailbox)?.messages ?? new Map<number, number>();
    const limit =
      kind === "STORE UNCHANGEDSINCE" ? ([...modSeqs.values()].at((a + c) % (modSeqs.size + 1)) ?? 0) : undefined;
    const since = limit === undefined ? "" : `(UNCHANGEDSINCE ${limit}) `;
    const uids = view.resolve(set, uid);
    const alive = uids?.filter((number) => !view.isGone(number)) ?? [];
    const conflicts = alive.filter((number) => limit !== undefined && (modSeqs.get(number) ?? 0) > limit);
    const changed = alive.filter((number) => !conflicts.includes(number));
    if (silent && !view.readOnly)
      for (const number of changed) {
        // A client that asks for silence does to its own list what it asks for.
        const known = player.mirror.known(view.told.indexOf(number), number);
        if (known?.flags !== undefined) known.flags = applied(known.flags, how, flags);
      }
    const command = `${uid ? "UID " : ""}STORE ${set} ${since}${how}FLAGS${silent ? ".SILENT" : ""} (${flags.join(" ")})`;
    const responses = await player.command(command);
    if (uids === undefined) return this.#tagged(responses, "BAD");
    if (view.readOnly) return this.#refused(player, responses, "NO [CANNOT]");
    if (limit !== undefined) player.condStore = true;
    for (const number of changed) mailbox.change(number, how, flags);
    const named = uid ? conflicts : conflicts.map((number) => view.told.indexOf(number) + 1);
    const modified = conflicts.length > 0 ? `[MODIFIED ${formatSet(named)}]` : "";
    if (!uid && uids.length > alive.length) {
      this.#fetchedFlags(view, responses, silent ? [] : changed);
      return this.#refused(player, responses, `NO ${modified === "" ? "[EXPUNGEISSUED]" : modified}`);
    }
    this.#tagged(responses, `OK ${modified}`);
    this.#fetchedFlags(view, responses, silent ? [] : changed);
    this.#told(player, uid);
  }

  /** A STORE that is not silent tells the flags of each message, changed or not (RFC 9051 section 6.4.6). */
  #fetchedFlags(view: ModelView, responses: readonly Response[], uids: readonly number[]): void {
    const told = new Set(responses.filter(isFetch).map((response) => fetchedUid(view, response)));
    for (const uid of uids) assert.ok(told.has(uid), `flags of UID ${uid} were not told`);
  }

  async #copy(player: Player, view: ModelView, operation: Operation): Promise<void> {
    const { kind, uid, a } = operation;
    const set = messageSet(uid ? view.mailbox.uidNext : view.told.length, operation);
    const name = nameFrom(a >> 3);
    const responses = await player.command(`${uid ? "UID " : ""}${kind} ${set} ${name}`);
    const uids = view.resolve(set, uid);
    const target = this.#mailboxes.get(name);
    if (uids === undefined) return this.#tagged(responses, "BAD");
    if (target === undefined) return this.#refused(player, responses, "NO [TRYCREATE]");
    const alive = uids.filter((number) => !view.isGone(number));
    if (!uid && alive.length < uids.length) return this.#refused(player, responses, "NO [EXPUNGEISSUED]");
    if (kind === "MOVE" && view.readOnly) return this.#refused(player, responses, "NO [CANNOT]");
    const copies = alive.map((number) => {
      const message = view.mailbox.find(number);
      return target.add(message?.content ?? "", message?.flags ?? []);
    });
    const code = `COPYUID ${this.#stored(target).uidValidity} ${formatSet(alive)} ${formatSet(copies)}`;
    if (kind === "MOVE") view.mailbox.remove(alive);
    this.#tagged(responses, "OK");
    const codes = responses.filter((response) => response.code?.startsWith("COPYUID"));
    assert.deepEqual(
      codes.map((response) => [response.tag === "*", response.code]),
      alive.length === 0 ? [] : [[kind === "MOVE", code]],
    );
    this.#told(player, true);
  }

  async #fetch(player: Player, view: ModelView, operation: Operation): Promise<void> {
    const { uid, a, b } = operation;
    const set = messageSet(uid ? view.mailbox.uidNext : view.told.length, operation);
    const item =
      ["FLAGS", "UID FLAGS", "UID MODSEQ", "RFC822.SIZE", "BODY.PEEK[]", "BODY[]", "UID BODY[TEXT]"][a % 7] ?? "UID";
    const modSeqs = this.#modSeqs.get(view.mailbox)?.messages ?? new Map<number, number>();
    const since =
      operation.kind === "FETCH CHANGEDSINCE" ? ([...modSeqs.values()].at(b % (modSeqs.size + 1)) ?? 0) : undefined;
    const modifier = since === undefined ? "" : ` (CHANGEDSINCE ${since || 1})`;
    const responses = await player.command(`${uid ? "UID " : ""}FETCH ${set} (${item})${modifier}`);
    const uids = view.resolve(set, uid);
    if (uids === undefined) return this.#tagged(responses, "BAD");
    if (item.includes("MODSEQ") || since !== undefined) player.condStore = true;
    const wanted = uids.filter((number) => !view.isGone(number) && (modSeqs.get(number) ?? 0) > (since ?? -1));
    const fetched = responses.filter(isFetch);
    // What was asked for comes first, in order; news follow.
    for (const [index, number] of wanted.entries()) {
      const response = fetched[index];
      assert.ok(response !== undefined, `UID ${number} is not fetched`);
      assert.equal(fetchedUid(view, response), number, `UID ${number} is not fetched in its turn`);
      const items = fetchItems(response);
      // UIDFETCH has the UID once more only for who asks for it (RFC 9586 section 3.3).
      if (player.profile.uidOnly) assert.equal(items.has("UID"), item.includes("UID"), response.text);
      this.#fetchedRight(view, number, items, item);
    }
    if (/BODY\[/.test(item) && !view.readOnly)
      for (const number of wanted) view.mailbox.change(number, "+", ["\\Seen"]);
    const gone = since === undefined && !uid && uids.some((number) => view.isGone(number));
    if (gone) return this.#refused(player, responses, "NO [EXPUNGEISSUED]");
    this.#tagged(responses, "OK");
    this.#told(player, uid);
  }

  #fetchedRight(view: ModelView, uid: number, items: ReadonlyMap<string, Value>, item: string): void {
    const message = view.mailbox.find(uid);
    const content = message?.content ?? "";
    if (items.has("UID")) assert.equal(Number(items.get("UID")), uid);
    for (const name of item.split(" ")) assert.ok(items.has(name.replace(".PEEK", "")), `${name} is missing`);
    if (item.includes("[]")) assert.equal(items.get("BODY[]"), content);
    if (item.includes("[TEXT]")) assert.equal(items.get("BODY[TEXT]"), content.slice(content.indexOf("\r\n\r\n") + 4));
    if (item === "RFC822.SIZE") assert.equal(Number(items.get("RFC822.SIZE")), content.length);
    const flags = items.get("FLAGS") as readonly string[] | undefined;
    if (flags !== undefined)
      assert.deepEqual(sorted(flags.filter((flag) => flag !== "\\Recent")), sorted(message?.flags ?? []));
    const modSeq = items.get("MODSEQ") as readonly string[] | undefined;
    if (modSeq !== undefined) assert.equal(Number(modSeq[0]), this.#modSeqs.get(view.mailbox)?.messages.get(uid));
  }

  async #search(player: Player, view: ModelView, operation: Operation): Promise<void> {
    const { uid, a, b } = operation;
    const flag = FLAGS[b % FLAGS.length] ?? "\\Seen";
    const key = flag.startsWith("\\") ? flag.slice(1).toUpperCase() : `KEYWORD ${flag}`;
    const set = messageSet(view.mailbox.uidNext, operation);
    const has = (number: number) => view.mailbox.find(number)?.flags.has(flag) === true;
    const inSet = (number: number) => view.resolve(set, true)?.includes(number) === true;
    const keys: readonly (readonly [string, (number: number) => boolean])[] = [
      [key, has],
      [`NOT ${key}`, (number) => !has(number)],
      [`UID ${set}`, inSet],
      [`OR ${key} UID ${set}`, (number) => has(number) || inSet(number)],
      ["ALL", () => true],
    ];
    const [text, matches] = keys[a % keys.length] as (typeof keys)[number];
    const responses = await player.command(`${uid ? "UID " : ""}SEARCH ${text}`);
    this.#tagged(responses, "OK");
    const answer = responses.find(({ name }) => name === (player.profile.rev2 ? "ESEARCH" : "SEARCH"));
    let found = (answer?.values ?? []).map(Number);
    if (player.profile.rev2) {
      const all = answer?.values[(answer.values as Value[]).indexOf("ALL") + 1];
      found = answer?.values.includes("ALL") === true ? numbersOf(String(all)) : [];
    }
    const uids = uid ? found : found.map((number) => view.told[number - 1] ?? 0);
    // Of a message that is gone and not told of anything may be said.
    assert.deepEqual(
      uids.filter((number) => !view.isGone(number)),
      view.told.filter((number) => !view.isGone(number) && matches(number)),
    );
    assert.ok(
      uids.every((number) => view.told.includes(number)),
      "SEARCH found what the client does not know",
    );
    this.#told(player, uid);
  }

  /** Messages of one rank come in the order of the mailbox, in REVERSE too (RFC 5256 section 3). */
  async #sort(player: Player, view: ModelView, { uid, a, b }: Operation): Promise<void> {
    const contents = new Map(view.mailbox.messages.map((message) => [message.uid, message.content]));
    const size = (number: number) => contents.get(number)?.length ?? 0;
    const subject = (number: number) => /^Subject: (.*)\r/.exec(contents.get(number) ?? "")?.[1] ?? "";
    const [key, compare] = [
      ["SIZE", (x: number, y: number) => size(x) - size(y)] as const,
      ["SUBJECT", (x: number, y: number) => Number(subject(x) > subject(y)) - Number(subject(x) < subject(y))] as const,
    ][a % 2] as readonly [string, (x: number, y: number) => number];
    const sign = b % 2 === 0 ? 1 : -1;
    const responses = await player.command(`${uid ? "UID " : ""}SORT (${sign < 0 ? "REVERSE " : ""}${key}) UTF-8 ALL`);
    this.#tagged(responses, "OK");
    const numbers = (responses.find(({ name }) => name === "SORT")?.values ?? []).map(Number);
    const uids = uid ? numbers : numbers.map((number) => view.told[number - 1] ?? 0);
    assert.deepEqual(
      uids.filter((number) => !view.isGone(number)),
      view.told.filter((number) => !view.isGone(number)).sort((x, y) => sign * compare(x, y)),
    );
    assert.ok(
      uids.every((number) => view.told.includes(number)),
      "SORT found what the client does not know",
    );
    this.#told(player, uid);
  }

  async #replace(player: Player, view: ModelView, operation: Operation): Promise<void> {
    const { uid, a, b } = operation;
    const number = uid ? 1 + (a % view.mailbox.uidNext) : 1 + (a % Math.max(1, view.told.length));
    const name = nameFrom(b);
    const content = this.#content();
    const text = `${uid ? "UID " : ""}REPLACE ${number} ${name} (\\Seen $a) {${content.length}+}\r\n${content}`;
    const [old] = view.resolve(String(number), uid) ?? [undefined];
    const bad = !uid && old === undefined;
    const responses = await player.command(text);
    if (bad) return this.#tagged(responses, "BAD");
    if (view.readOnly) return this.#refused(player, responses, "NO [CANNOT]");
    if (old === undefined) return this.#refused(player, responses, "NO [NONEXISTENT]");
    if (view.isGone(old)) return this.#refused(player, responses, "NO [EXPUNGEISSUED]");
    const target = this.#mailboxes.get(name);
    if (target === undefined) return this.#refused(player, responses, "NO [TRYCREATE]");
    const added = target.add(content, ["\\Seen", "$a"]);
    view.mailbox.remove([old]);
    this.#tagged(responses, "OK");
    const code = `APPENDUID ${this.#stored(target).uidValidity} ${added}`;
    assert.ok(
      responses.some((response) => response.code === code),
      code,
    );
    this.#told(player, true);
  }

  #tagged(responses: readonly Response[], expected: Expected): void {
    const last = responses.at(-1);
    const told = `${last?.name} ${last?.code === undefined ? "" : `[${last.code}]`}`;
    assert.ok(told.startsWith(expected.trimEnd()), `expected ${expected}, got ${last?.text}`);
  }

  /** Refused with NO: news are told, but that messages are gone. */
  #refused(player: Player, responses: readonly Response[], expected: Expected): void {
    this.#tagged(responses, expected);
    this.#told(player, false);
  }

  /** After a command that told the news: the client knows what the model says it was told, and nothing it knows is out of date. */
  #told(player: Player, expunge: boolean): void {
    const { view, mirror } = player;
    if (view === undefined) return;
    view.tell(expunge);
    assert.equal(mirror.list.length, view.told.length, "how many messages the client knows");
    const modSeqs = new Map(
      [...this.#stored(view.mailbox).summaries(view.told)].map(({ uid, modSeq }) => [uid, modSeq]),
    );
    for (const [index, uid] of view.told.entries()) {
      const known = mirror.known(index, uid);
      const message = view.mailbox.find(uid);
      if (known?.uid !== undefined) assert.equal(known.uid, uid, `message ${index + 1} is UID ${uid}`);
      if (message === undefined) continue;
      if (known?.flags !== undefined)
        assert.deepEqual(known.flags, sorted(message.flags), `the client knows old flags of UID ${uid}`);
      if (player.condStore && known?.modSeq !== undefined)
        assert.equal(known.modSeq, modSeqs.get(uid), `the client knows an old MODSEQ of UID ${uid}`);
    }
    for (const { uid } of mirror.messages)
      assert.ok(uid === undefined || view.told.includes(uid), `the client knows of UID ${uid}, which is gone`);
    // Nobody else was told that the same message is recent (RFC 3501 section 2.3.2).
    for (const other of this.#players)
      if (other !== player && other.view?.mailbox === view.mailbox)
        for (const uid of mirror.recentUids)
          assert.ok(!other.mirror.recentUids.has(uid), `UID ${uid} is \\Recent twice`);
  }

  /** The store holds what the model holds; MODSEQs grow where something changed, and nowhere else. */
  #compareStore(): void {
    const names = this.#store
      .mailboxes()
      .map(({ name }) => name)
      .filter((name) => NAMES.includes(name));
    assert.deepEqual(names.toSorted(), [...this.#mailboxes.keys()].toSorted());
    for (const mailbox of this.#mailboxes.values()) {
      const stored = this.#stored(mailbox);
      const summaries = [...stored.summaries(stored.uids())];
      assert.deepEqual(
        summaries.map(({ uid, flags }) => [uid, sorted(flags)]),
        mailbox.messages.map(({ uid, flags }) => [uid, sorted(flags)]),
        `what ${mailbox.name} holds`,
      );
      const validity = `${mailbox.name} ${stored.uidValidity}`;
      assert.equal(this.#validities.get(validity) ?? mailbox, mailbox, "UIDVALIDITY came again");
      this.#validities.set(validity, mailbox);
      const { highestModSeq: highest } = stored.status();
      const before = this.#modSeqs.get(mailbox);
      for (const { uid, modSeq } of summaries) {
        assert.ok(modSeq <= highest, `MODSEQ of UID ${uid} is above HIGHESTMODSEQ`);
        if (before === undefined) continue;
        if (mailbox.touched.has(uid)) assert.ok(modSeq > before.highest, `UID ${uid} changed, its MODSEQ did not grow`);
        else assert.equal(modSeq, before.messages.get(uid), `MODSEQ of UID ${uid} changed for nothing`);
      }
      if (before !== undefined) {
        assert.ok(highest >= before.highest, "HIGHESTMODSEQ went back");
        if (mailbox.removed) assert.ok(highest > before.highest, "HIGHESTMODSEQ did not grow with an EXPUNGE");
      }
      this.#modSeqs.set(mailbox, { highest, messages: new Map(summaries.map(({ uid, modSeq }) => [uid, modSeq])) });
    }
  }

  /** In the end every session sees what is there. */
  async #converge(player: Player): Promise<void> {
    for (const mailbox of this.#mailboxes.values()) mailbox.touched.clear();
    if (player.doomed) await this.#saysBye(player);
    if (player.idle !== undefined) this.#tagged(await player.endIdle(), "OK");
    else this.#tagged(await player.command("NOOP"), "OK");
    if (player.view === undefined) return;
    this.#told(player, true);
    if (player.view.told.length > 0) await player.command("UID FETCH 1:* (FLAGS MODSEQ)");
    player.condStore = true;
    this.#told(player, true);
    assert.deepEqual(
      player.mirror.messages.map(({ uid }) => uid),
      player.view.mailbox.messages.map(({ uid }) => uid),
    );
  }

  #stored({ name }: ModelMailbox): Mailbox {
    const stored = this.#store.mailbox(name);
    if (stored === undefined) throw new Error(`the store has no ${name}`);
    return stored;
  }
}

/** Commands by sequence number. */
const BY_NUMBER: ReadonlyMap<Operation["kind"], string> = new Map([
  ["STORE", "STORE 1 FLAGS (\\Deleted)"],
  ["STORE UNCHANGEDSINCE", "STORE * (UNCHANGEDSINCE 1) FLAGS (\\Deleted)"],
  ["COPY", "COPY 1 INBOX"],
  ["MOVE", "MOVE 1:* INBOX"],
  ["FETCH", "FETCH 1 BODY[]"],
  ["SEARCH", "UID SEARCH OR SEEN 1"],
  ["SORT", "SORT (SIZE) UTF-8 ALL"],
  ["REPLACE", "REPLACE 1 INBOX {1+}\r\nx"],
]);

const isFetch = ({ name }: Response) => name === "FETCH" || name === "UIDFETCH";

/** Whose FETCH or UIDFETCH it is. */
function fetchedUid(view: ModelView, { name, number = 0 }: Response): number | undefined {
  return name === "UIDFETCH" ? number : view.told[number - 1];
}

const nameFrom = (number: number) => NAMES[number % 2 === 0 ? 0 : (number >> 1) % NAMES.length] ?? "INBOX";

function deletedOf(view: ModelView, uids: readonly number[]): number[] {
  return uids.filter((uid) => view.mailbox.find(uid)?.flags.has("\\Deleted") === true);
}

function applied(before: readonly string[], how: string, flags: readonly string[]): string[] {
  const now = new Set(how === "" ? [] : before);
  for (const flag of flags)
    if (how === "-") now.delete(flag);
    else now.add(flag);
  return sorted(now);
}
