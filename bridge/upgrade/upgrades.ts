import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Alias } from "../../legacy-gateway/upgrade/aliases.ts";
import {
  INVITATION_LIFETIME,
  INVITATION_MARGIN,
  INVITATION_PAUSE,
  INVITATIONS_MAX,
} from "../../legacy-gateway/upgrade/limits.ts";
import type { Offer } from "../../legacy-gateway/upgrade/offers.ts";
import type { SeenInvitation } from "../../legacy-gateway/upgrade/upgrade-reader.ts";
import type { UpgradeStores } from "../../legacy-gateway/upgrade/upgrade-stores.ts";
import type { Maildir } from "../../maildir/store.ts";
import { parseInviteLink } from "../../overlay-adapter/contacts/invite-link.ts";
import { freePetname } from "../../overlay-adapter/contacts/petname.ts";
import type { OverlayEvent } from "../../overlay-adapter/events.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import type { Account } from "../account.ts";
import { fileNotice } from "../notices/file-notice.ts";
import { formatNotice } from "../notices/notice.ts";
import { petnameOf } from "./address-petname.ts";
import { movedNotice, offerNotice, rivalNotice } from "./upgrade-notices.ts";

export interface UpgradesOptions {
  readonly db: Database;
  readonly stores: UpgradeStores;
  readonly account: Account;
  readonly contacts: Contacts;
  readonly overlay: Overlay;
  readonly maildir: Maildir;
  /** Whether an old address is one of the user's own. */
  readonly isOwn: (address: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What came of an acceptance. */
export interface AcceptedOffer {
  readonly address: string;
  readonly petname: string;
  /** `moved`: the inviter was a contact already; `joining`: their bridge is yet to answer; `waiting`: the relay is yet to be reached. */
  readonly state: "moved" | "joining" | "waiting";
  readonly reason?: string;
}

/** Milliseconds between two looks at what is to be told, or swept. */
const LOOK_INTERVAL = 3_600_000;

/** Brings old contacts to the overlay: invites them in letters, shows their invitations, and tells when one has moved. */
export class Upgrades {
  readonly stores: UpgradeStores;
  readonly #o: UpgradesOptions;
  #work: Promise<void> | undefined;
  #again = false;
  #started = false;
  #cancelLook: (() => void) | undefined;

  constructor(options: UpgradesOptions) {
    this.#o = options;
    this.stores = options.stores;
  }

  /** Tells what was not told before the last end. */
  start(): void {
    this.#started = true;
    this.#look();
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#cancelLook?.();
    await this.#work;
  }

  /** The invitation for a letter to an old address; undefined where the user has not said so, or none can be made: the letter goes without. */
  invitation(address: string, encrypted: boolean): string | undefined {
    const { clock } = this.#o;
    const { consents, aliases, invitations } = this.stores;
    const lower = address.toLowerCase();
    const consent = consents.for(lower);
    if (consent === "off" || (consent === "encrypted" && !encrypted)) return undefined;
    if (aliases.holder(lower) !== undefined || this.#o.isOwn(lower)) return undefined;
    const now = clock.now();
    const known = invitations.latest(lower, encrypted);
    const pending = this.#o.overlay.pendingInvites().find(({ id }) => id === known?.invite);
    if (pending?.state === "asking") return undefined;
    if (known !== undefined && known.expiresAt > now + INVITATION_MARGIN) {
      if (pending !== undefined) return known.link;
      // It was withdrawn, or somebody has tried it twice.
      if (known.madeAt > now - INVITATION_PAUSE) return undefined;
    }
    return invitations.open(now) >= INVITATIONS_MAX ? undefined : this.#invite(lower, encrypted, now);
  }

  /** A letter brought an invitation. Durable when it resolves. */
  async seen({ address, link, came }: SeenInvitation): Promise<void> {
    const { db, account, clock } = this.#o;
    const { offers, aliases } = this.stores;
    const says = readLink(link);
    if (says === undefined || says.inviter === account.label || this.#o.isOwn(address)) return;
    if (aliases.holder(address)?.label === says.inviter) return;
    const { inviter, expiresAt } = says;
    const offer = { address, link, came, inviter, expiresAt, seenAt: clock.now() };
    if (!offers.isNews(offer)) return;
    if (await db.commit(() => offers.add(offer))) this.#wake();
  }

  /** What the overlay says that matters here. */
  heard(event: OverlayEvent): void {
    if (event.kind === "contact-added" || event.kind === "contact-confirmed") this.#wake();
    if (event.kind === "join-failed") this.#o.db.transaction(() => this.stores.offers.setFailed(event.invite));
  }

  /** By address, or as `invitation-7`, where the notice says so. @throws Failure nonexistent, invalid, forbidden; as Overlay.acceptInvite */
  async accept(which: string, name?: string): Promise<AcceptedOffer> {
    const { db, contacts, overlay, clock } = this.#o;
    const { offers, aliases } = this.stores;
    const offer = this.#offer(which);
    const { id, address, inviter, came } = offer;
    const holder = aliases.holder(address);
    if (holder !== undefined && holder.label !== inviter)
      throw new Failure(
        "forbidden",
        `${address} is the old address of ${this.#petname(holder.label)} already: if that is wrong, postern gateway upgrade --back ${address} first`,
      );
    const known = contacts.byLabel(inviter);
    if (known !== undefined && holder === undefined) {
      if (known.state === "frozen" || known.state === "revoked")
        throw new Failure("forbidden", `the invitation is from ${known.petname}, who is ${known.state}`);
      await db.commit(() => aliases.give(address, inviter, came));
      this.#wake();
      return { address, petname: known.petname, state: "moved" };
    }
    if (known !== undefined)
      return { address, petname: known.petname, state: holder?.state === "moved" ? "moved" : "joining" };
    if (offer.expiresAt <= clock.now()) throw new Failure("invalid", "this invitation has expired: wait for a new one");
    await db.commit(() => offers.setState(id, "accepting"));
    const petname = name ?? freePetname(contacts, petnameOf(address), inviter);
    try {
      const accepted = await overlay.acceptInvite(offer.link, petname);
      if (accepted.kind === "joined") return { address, petname: accepted.petname, state: "joining" };
      db.transaction(() => offers.setJoining(id, accepted.invite));
      return { address, petname, state: "waiting", reason: accepted.reason };
    } catch (error) {
      // One that is dead makes room for the next one; after a name that cannot be given it is still there.
      const dead = error instanceof Failure && error.code !== "already-exists" && error.code !== "invalid";
      if (contacts.byLabel(inviter) === undefined) await db.commit(() => offers.setState(id, dead ? "failed" : "open"));
      throw error;
    }
  }

  /** @throws Failure nonexistent, invalid, forbidden */
  refuse(which: string): string {
    const { id, address, state } = this.#offer(which);
    if (state === "taken" || state === "accepting")
      throw new Failure(
        "forbidden",
        `${address} was accepted: postern gateway upgrade --back ${address} takes that back`,
      );
    this.#o.db.transaction(() => this.stores.offers.setState(id, "refused"));
    return address;
  }

  /** Letters to the address go by e-mail again; the contact stays. @throws Failure nonexistent */
  takeBack(address: string): { readonly address: string; readonly petname: string } {
    const label = this.#o.db.transaction(() => this.stores.aliases.takeBack(address));
    if (label === undefined) throw new Failure("nonexistent", `${address} goes by e-mail already`);
    return { address: address.toLowerCase(), petname: this.#petname(label) };
  }

  /** @throws Failure nonexistent, invalid */
  #offer(which: string): Offer {
    const { offers } = this.stores;
    const wanted = which.trim().toLowerCase();
    const number = /^invitation-(\d{1,15})$/.exec(wanted)?.[1];
    const found = number === undefined ? offers.of(wanted) : [offers.byId(Number(number))];
    const known = found.filter((one) => one !== undefined);
    const open = known.filter(({ state }) => state === "open" || state === "accepting");
    const [one, ...more] = open.length > 0 ? open : known;
    if (one === undefined)
      throw new Failure("nonexistent", `there is no invitation from ${which}: \`postern gateway upgrade\` lists them`);
    if (more.length > 0)
      throw new Failure(
        "invalid",
        `several invitations say that they are from ${one.address}: one of them is forged. Ask them which is theirs, and use its name (invitation-NUMBER), which \`postern gateway upgrade\` shows`,
      );
    return one;
  }

  /** Written down in one transaction with the invite itself; the relay gets it when it can be reached. */
  #invite(address: string, encrypted: boolean, now: number): string | undefined {
    const { contacts, overlay, logger } = this.#o;
    const expiresAt = now + INVITATION_LIFETIME;
    const wanted = petnameOf(address);
    const free = wanted !== undefined && contacts.byPetname(wanted) === undefined;
    let made: string | undefined;
    const making = overlay.createInvite({
      ...(free && { name: wanted }),
      expiresAt,
      // Whoever reads a letter in the clear could take the invite in it: then the user decides who it was.
      asks: !encrypted,
      alongside: ({ id: invite, link }) => {
        this.stores.invitations.add({ invite, address, encrypted, link, madeAt: now, expiresAt });
        made = link;
      },
    });
    making.catch((error: unknown) =>
      logger("warn", "an invitation for a letter could not be made, or not be brought to the relay", {
        reason: codeOf(error),
      }),
    );
    return made;
  }

  #look(): void {
    const { clock, db } = this.#o;
    db.transaction(() => {
      this.stores.invitations.sweep(clock.now());
      this.stores.offers.sweep(clock.now());
    });
    this.#wake();
    this.#cancelLook = clock.after(LOOK_INTERVAL, () => this.#look());
  }

  #wake(): void {
    this.#again = true;
    if (!this.#started || this.#work !== undefined) return;
    this.#work = this.#run()
      .catch((error: unknown) => {
        if (this.#started)
          this.#o.logger("error", "what became of an old address could not be told", {
            cause: error instanceof Error ? (error.stack ?? "") : "",
          });
      })
      .then(() => {
        this.#work = undefined;
      });
  }

  async #run(): Promise<void> {
    while (this.#again && this.#started) {
      this.#again = false;
      for (let offer = this.#untoldOffer(); offer !== undefined && this.#started; offer = this.#untoldOffer())
        await this.#tellOffer(offer);
      const { aliases } = this.stores;
      for (let alias = aliases.untold(); alias !== undefined && this.#started; alias = aliases.untold())
        await this.#tellAlias(alias);
      await this.#withdraw();
    }
  }

  #untoldOffer(): Offer | undefined {
    return this.stores.offers.untold(this.#o.clock.now());
  }

  async #tellOffer(offer: Offer): Promise<void> {
    const { contacts, account } = this.#o;
    const { offers, aliases } = this.stores;
    const holder = aliases.holder(offer.address);
    const others = offers.of(offer.address).some(({ id, state }) => id !== offer.id && state !== "failed");
    const notice = offerNotice(offer, {
      petname: freePetname(contacts, petnameOf(offer.address), offer.inviter),
      inviter: contacts.byLabel(offer.inviter)?.petname,
      holder: holder && this.#petname(holder.label),
      others,
    });
    await this.#file(account.address, notice, () => offers.setTold(offer.id, this.#o.clock.now()));
  }

  async #tellAlias(alias: Alias): Promise<void> {
    const { contacts, overlay, account } = this.#o;
    const { aliases } = this.stores;
    const contact = contacts.byLabel(alias.label);
    if (contact === undefined) return await this.#o.db.commit(() => aliases.setTold(alias));
    const holder = aliases.holder(alias.address);
    const phrase = overlay.safetyPhrase(alias.label);
    const notice =
      alias.state === "rival"
        ? rivalNotice(alias, contact, holder && this.#petname(holder.label))
        : movedNotice(alias, contact, phrase);
    await this.#file(account.address, notice, () => aliases.setTold(alias));
  }

  async #file(to: string, notice: { readonly subject: string; readonly text: string }, settle: () => void) {
    const { db, maildir, clock } = this.#o;
    const now = clock.now();
    await fileNotice({ db, maildir }, { content: formatNotice({ to, ...notice, now }), now }, settle);
  }

  /** Nobody else can take an invitation to an address that has moved. */
  async #withdraw(): Promise<void> {
    const { overlay, db } = this.#o;
    const { invitations } = this.stores;
    for (const { invite } of invitations.needless()) {
      if (overlay.pendingInvites().some(({ id }) => id === invite)) await overlay.cancelInvite(invite);
      await db.commit(() => invitations.forget(invite));
    }
  }

  #petname(label: AddressLabel): string {
    return this.#o.contacts.byLabel(label)?.petname ?? "somebody who is no contact any more";
  }
}

function readLink(link: string): ReturnType<typeof parseInviteLink> | undefined {
  try {
    return parseInviteLink(link);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Failure ? error.code : error instanceof Error ? error.name : "unknown";
}
