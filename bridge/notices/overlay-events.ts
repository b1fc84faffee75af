import { type AddressLabel, formatAddress } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Maildir } from "../../maildir/store.ts";
import { type DropReason, isToBeTold, type OverlayEvent, type ToldEvent } from "../../overlay-adapter/events.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import { type Account, OWN_LOCAL_PART } from "../account.ts";
import { isReported, type Progress, reportFailure, reportProgress } from "../reports/letter-reports.ts";
import { contactNotice } from "./contact-notice.ts";
import { fileNotice } from "./file-notice.ts";
import { identityNotice, isIdentityEvent } from "./identity-notice.ts";
import { formatNotice } from "./notice.ts";

/** Cells that may have been a letter: the relay has deleted them, so nothing else will ever tell of it. */
const PERHAPS_A_LETTER: ReadonlySet<DropReason> = new Set(["damaged", "undecryptable", "altered"]);

/** A relay or a contact that sends rubbish all day does not fill INBOX with notices; milliseconds. */
const UNOPENED_PAUSE = 24 * 3_600_000;

export interface OverlayEventParts {
  readonly db: Database;
  readonly account: Account;
  readonly contacts: Contacts;
  readonly maildir: Maildir;
  readonly logger: Logger;
  /** The old address that an invite was made for. */
  readonly invitedAddress?: (invite: string) => string | undefined;
}

/** Turns what the overlay tells into what the user sees: DSNs and notices in INBOX, and lines in the log without names. */
export class OverlayEventHandler {
  overlay: Overlay | undefined;
  readonly #parts: OverlayEventParts;
  #work: Promise<unknown> = Promise.resolve();
  /** Progress that nobody asked to hear of, to be settled. */
  readonly #unasked: Progress[] = [];
  /** When the user was last told that something of a contact did not open. */
  readonly #unopened = new Map<AddressLabel, number>();

  constructor(parts: OverlayEventParts) {
    this.#parts = parts;
  }

  /** Resolves when what the events so far caused is durable. */
  async settled(): Promise<void> {
    await this.#work;
  }

  handle(event: OverlayEvent): void {
    const { logger, contacts } = this.#parts;
    if (isToBeTold(event)) return this.#tell(event);
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
      case "relayed":
      case "contact-confirmed":
      case "invite-expired":
        logger("debug", event.kind);
        return;
    }
  }

  /** What the overlay repeats until it is told: filed and settled in one transaction. */
  #tell(event: ToldEvent): void {
    const { db, contacts, logger, invitedAddress } = this.#parts;
    logger(isIdentityEvent(event) ? "warn" : "debug", event.kind);
    const settle = () => this.overlay?.settle(event);
    const notice = isIdentityEvent(event)
      ? identityNotice(event, (label) => this.#name(label))
      : contactNotice(event, {
          contact: (label) => contacts.byLabel(label),
          safetyPhrase: (label) => this.overlay?.safetyPhrase(label),
          ...(invitedAddress && { invitedAddress }),
        });
    if (notice === undefined) this.#later(() => db.commit(settle));
    else this.#notice(notice.subject, notice.text, settle);
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
