import { type AddressLabel, formatAddress } from "../foundation/address.ts";
import type { Database } from "../foundation/database.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Contacts } from "../keyring/contacts.ts";
import type { Maildir } from "../maildir/store.ts";
import type { DropReason, OverlayEvent } from "../overlay-adapter/events.ts";
import type { Overlay } from "../overlay-adapter/overlay.ts";
import { type Account, OWN_LOCAL_PART } from "./account.ts";
import { fileNotice } from "./file-notice.ts";
import { identityNotice } from "./identity-notice.ts";
import { isReported, type Progress, reportFailure, reportProgress } from "./letter-reports.ts";
import { formatNotice } from "./notice.ts";

/** Cells that may have been a letter: the relay has deleted them, so nothing else will ever tell of it. */
const PERHAPS_A_LETTER: ReadonlySet<DropReason> = new Set(["damaged", "undecryptable", "altered"]);

/** A relay or a contact that sends rubbish all day does not fill INBOX with notices; milliseconds. */
const UNOPENED_PAUSE = 24 * 3_600_000;

/** Turns what the overlay tells into what the user sees: DSNs and notices in INBOX, and lines in the log without names. */
export class OverlayEventHandler {
  overlay: Overlay | undefined;
  readonly #parts: { db: Database; account: Account; contacts: Contacts; maildir: Maildir; logger: Logger };
  #work: Promise<unknown> = Promise.resolve();
  /** Progress that nobody asked to hear of, to be settled. */
  readonly #unasked: Progress[] = [];
  /** When the user was last told that something of a contact did not open. */
  readonly #unopened = new Map<AddressLabel, number>();

  constructor(parts: { db: Database; account: Account; contacts: Contacts; maildir: Maildir; logger: Logger }) {
    this.#parts = parts;
  }

  /** Resolves when what the events so far caused is durable. */
  async settled(): Promise<void> {
    await this.#work;
  }

  handle(event: OverlayEvent): void {
    const { logger, contacts } = this.#parts;
    switch (event.kind) {
      case "failed": {
        const { overlay } = this;
        if (overlay === undefined) return;
        const petname = (label: AddressLabel) => contacts.byLabel(label)?.petname;
        this.#later(() => reportFailure({ ...this.#parts, overlay, petname }, { ...event, now: Date.now() }));
        return;
      }
      case "progress":
        this.#progressed(event);
        return;
      case "invite-burned":
        this.#notice(
          "An invite was used twice",
          "Two people tried to use one of your invites. It is dead now, and nobody became a contact by the second try.\n" +
            "If somebody became a contact by the first try, ask on another way whether it is really them.",
        );
        return;
      case "invite-asks":
        this.#notice(
          "Somebody accepted your invite",
          `Whoever has this address wants to be your contact by the invite that you made:\n\n  ${formatAddress(OWN_LOCAL_PART, event.contact)}\n\n` +
            "Ask the one whom you invited whether it is theirs (postern status shows it there). If so:\n\n" +
            `  postern invite --approve ${event.invite}\n\nIf not: postern invite --cancel ${event.invite}`,
        );
        return;
      case "invite-used-twice": {
        const who = this.#name(event.contact);
        this.#notice(
          "An invite was used twice",
          `Somebody else tried to use the invite by which ${who} became your contact, and was refused. One of the two is not\n` +
            `who you meant. Until you know that it is ${who} who came first, write nothing private: ${this.#compare(event.contact)}`,
        );
        return;
      }
      case "invite-alarm": {
        const who = this.#name(event.contact);
        this.#notice(
          "An invite was used twice",
          `Somebody else tried to use the invite by which you and ${who} became contacts, and was refused: the link was seen on its\n` +
            `way. Make sure that you two are the right ones: ${this.#compare(event.contact)}`,
        );
        return;
      }
      case "phrase-broken": {
        const who = this.#name(event.contact);
        this.#notice(
          "A contact is not to be trusted",
          `The bridge of ${who} has broken the rules by which the two of you get the same safety phrase, as somebody in between\n` +
            `would. The contact is frozen: remove it (postern contacts --remove ${who}) and meet anew, best with \`postern pair\`.`,
        );
        return;
      }
      case "introduction-offered": {
        const by = this.#name(event.introducer);
        this.#notice(
          "Somebody is introduced to you",
          `${by} introduces ${event.name} to you${event.coRecipient ? ", who got the same letter" : ""}:\n\n  ${formatAddress(OWN_LOCAL_PART, event.other)}\n\n` +
            `Accept:  postern introduce --accept ${event.introduction}\nRefuse:  postern introduce --refuse ${event.introduction}\n\n` +
            `If both of you accept, you are contacts, "introduced by ${by}": you have only ${by}'s word for who it is until you have\ncompared your four words (postern verify).`,
        );
        return;
      }
      case "introduction-failed":
        this.#notice(
          "An introduction was forged",
          `${this.#name(event.introducer)} introduced ${event.name} to you, but what came is not from that address. Nobody became a contact.\n` +
            `Ask ${this.#name(event.introducer)} on another way.`,
        );
        return;
      case "pair-failed":
        this.#notice(
          "A spoken code did not work",
          `The spoken code for ${event.name} is dead: ${event.text}.\n\nIf nobody mistyped it, somebody has tried to come between you.`,
        );
        return;
      case "join-failed":
        this.#notice("An invite could not be accepted", event.text);
        return;
      case "gap": {
        const who = this.#name(event.from);
        const { overlay } = this;
        this.#notice(
          "Letters are missing",
          `${event.missing} letter(s) of ${who} have not come, though later ones did, an hour ago or more. They may still\n` +
            `come; ask ${who} on another way, or have them sent again.`,
          () => overlay?.settleGap(event),
        );
        return;
      }
      case "cells-dropped":
        logger(event.reason === "duplicate" ? "debug" : "warn", "cells dropped", {
          reason: event.reason,
          count: event.count,
        });
        if (event.from !== undefined && PERHAPS_A_LETTER.has(event.reason))
          this.#unopenedFrom(event.from, event.reason);
        return;
      case "relay":
        logger("info", event.connected ? "relay connected" : "relay connection lost", {
          host: event.host,
          port: event.port,
        });
        return;
      case "contact-frozen":
      case "device-replaced":
      case "paper-needed":
      case "copy-running":
      case "superseded":
      case "devices-changed":
      case "own-fork": {
        logger("warn", event.kind);
        const { subject, text } = identityNotice(event, (label) => this.#name(label));
        this.#notice(subject, text);
        return;
      }
      case "contact-added":
        logger("debug", event.kind);
        this.#met(event.contact);
        return;
      case "relayed":
      case "contact-confirmed":
      case "invite-expired":
        logger("debug", event.kind);
        return;
    }
  }

  /** Few want to hear of it; what nobody wants to hear is settled together, at one fsync. */
  #progressed(event: Progress): void {
    const { db, contacts } = this.#parts;
    const { overlay } = this;
    if (overlay === undefined) return;
    const petname = (label: AddressLabel) => contacts.byLabel(label)?.petname;
    if (isReported(db, event))
      return this.#later(() => reportProgress({ ...this.#parts, overlay, petname }, { ...event, now: Date.now() }));
    if (this.#unasked.push(event) > 1) return;
    this.#later(async () => {
      const settled = this.#unasked.splice(0);
      await db.commit(() => {
        for (const { letter, to, progress } of settled) overlay.settleProgress(letter, to, progress);
      });
    });
  }

  #unopenedFrom(from: AddressLabel, reason: DropReason): void {
    const now = Date.now();
    if (now - (this.#unopened.get(from) ?? Number.NEGATIVE_INFINITY) < UNOPENED_PAUSE) return;
    this.#unopened.set(from, now);
    const who = this.#name(from);
    this.#notice(
      "A letter could not be opened",
      reason === "undecryptable"
        ? `A letter of ${who} was sealed for keys that are not here, as when one of you runs on an older copy of the home.\n` +
            `It is asked for by itself, and comes again if ${who} still has it. If nothing comes within a day, ask ${who} on another way.`
        : `Something came from ${who} that was damaged or changed on its way, perhaps a letter. If it was one, it comes again\n` +
            `by itself three weeks after it was sent; if that is too late, ask ${who} on another way.`,
    );
  }

  /** What took its time, and somebody else's, is told when it is done. */
  #met(label: AddressLabel): void {
    const contact = this.#parts.contacts.byLabel(label);
    if (contact === undefined || contact.how === "invite") return;
    const { petname, state } = contact;
    this.#notice(
      `You have a new contact: ${petname}`,
      `${petname} is your contact now (${state}). Write to ${petname}@postern.alt`,
    );
  }

  #compare(label: AddressLabel): string {
    const who = this.#name(label);
    return (
      `read these four words\nto each other on the telephone. Both of you must see the same:\n\n  ${this.overlay?.safetyPhrase(label) ?? "(not known yet)"}\n\n` +
      `Then: postern verify ${who} --phrase "WORDS"\nIf they differ: postern contacts --block ${who}`
    );
  }

  #name(label: AddressLabel): string {
    return this.#parts.contacts.byLabel(label)?.petname ?? formatAddress(OWN_LOCAL_PART, label);
  }

  /** `settle` runs in the transaction that files the notice. */
  #notice(subject: string, text: string, settle?: () => void): void {
    const now = Date.now();
    const content = formatNotice({ to: this.#parts.account.address, subject, text, now });
    this.#later(() => fileNotice(this.#parts, { content, now }, settle));
  }

  #later(task: () => Promise<unknown>): void {
    const { logger } = this.#parts;
    this.#work = this.#work.then(task).catch((error: unknown) => {
      logger("error", "an event of the overlay could not be told", {
        cause: error instanceof Error ? (error.stack ?? "") : "",
      });
    });
  }
}
