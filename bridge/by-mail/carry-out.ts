import { type AddressLabel, formatAddress, OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { encodeBase32 } from "../../foundation/base32.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import { parseInviteLink } from "../../overlay-adapter/contacts/invite-link.ts";
import type { PendingCode } from "../../overlay-adapter/contacts/meetings.ts";
import { freePetname } from "../../overlay-adapter/contacts/petname.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import { parseRelayUrl } from "../../relay/relay-url.ts";
import { type Account, OWN_LOCAL_PART } from "../account.ts";
import { INVITE_LIFETIME } from "../operations/contact-operations.ts";
import { namedContact, offeredIntroduction, pendingInvite, spokenCode } from "../submission/contact-lookup.ts";
import { describeAccepted } from "../upgrade/describe-accepted.ts";
import type { Upgrades } from "../upgrade/upgrades.ts";
import type { MailCommand } from "./command.ts";
import type { CommandAnswer, CommandRow, CommandStore } from "./command-store.ts";
import { contactsText, helpText, pendingText, queueText, statusText } from "./listings.ts";

export interface CommandHome {
  readonly db: Database;
  readonly account: Account;
  readonly contacts: Contacts;
  readonly overlay: Overlay;
  /** Invitations that came in letters; none do where it is absent. */
  readonly upgrades?: Upgrades;
  readonly clock: Clock;
  readonly random: (length: number) => Buffer;
}

/**
 * Does what a command says and writes its answer down: both in one transaction where nobody else has to be asked, and
 * where an invite is made. The others are begun, and begun again after a crash; what they find done is no failure then.
 */
export async function carryOut(home: CommandHome, store: CommandStore, row: CommandRow): Promise<void> {
  const { db } = home;
  const { key, request, state } = row;
  const again = state === "begun";
  try {
    const { command } = request;
    const soon = takesTime(home, store, command, key, again);
    if (soon === undefined) return await db.commit(() => store.setDone(key, atOnce(home, store, command)));
    if (!again) await db.commit(() => store.setBegun(key));
    const answer = await soon();
    if (answer !== undefined) await db.commit(() => store.setDone(key, answer));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const text = `That did not work: ${error.message}.`;
    const before = "The bridge was ended while it did this; part of it may be done.\n";
    await db.commit(() => store.setDone(key, { text: again ? `${before}${text}` : text }));
  }
}

/** What is done and answered in one transaction. */
function atOnce(home: CommandHome, store: CommandStore, command: MailCommand): CommandAnswer {
  const { contacts, overlay, clock } = home;
  const { meetings } = overlay;
  switch (command.kind) {
    case "help":
      return { text: helpText() };
    case "status":
      return { text: statusText(home) };
    case "contacts":
      return { text: contactsText(home) };
    case "pending":
      return { text: pendingText(home) };
    case "queue":
      return { text: queueText(home) };
    case "accept": {
      const { id, name } = offeredIntroduction(overlay, command.which);
      meetings.acceptIntroduction(id, command.name);
      return {
        text: `Accepted. Once the other side has accepted too, ${command.name ?? name} is your contact; a notice says so.`,
      };
    }
    case "refuse":
      if (isInvitation(command.which)) {
        const address = requireUpgrades(home).refuse(command.which);
        return { text: `Refused. Letters to ${address} go as before, and nobody is told.` };
      }
      meetings.cancelIntroduction(offeredIntroduction(overlay, command.which).id);
      return { text: "Refused. Nobody is told." };
    case "take-code": {
      const at = command.at === undefined ? undefined : parseRelayUrl(command.at);
      const { name } = meetings.takeCode(command.code, command.name, at);
      return { text: `The code is on its way. A notice says when ${name} is your contact, or why not.` };
    }
    case "introduce": {
      const [one, other] = [namedContact(contacts, command.one), namedContact(contacts, command.other)];
      meetings.introduce(one.label, other.label);
      return { text: `${one.petname} and ${other.petname} are asked. They become contacts if both accept.` };
    }
    case "verify": {
      const { label, petname } = namedContact(contacts, command.name);
      if (command.phrase === undefined) return { text: phraseText(petname, overlay.safetyPhrase(label)) };
      if (overlay.verifyContact(label, command.phrase)) return { text: `${petname} is verified.` };
      throw new Failure(
        "forbidden",
        `these are not the words that you and ${petname} should both see. If they are spelt right, somebody stands between you: freeze ${petname}, and meet anew with a spoken code (pair ${petname})`,
      );
    }
    case "freeze":
    case "unfreeze": {
      const { label, petname } = namedContact(contacts, command.name);
      if (command.kind === "freeze") {
        overlay.freezeContact(label);
        return { text: `${petname} is frozen: nothing goes either way until you write: unfreeze ${petname}` };
      }
      overlay.unfreezeContact(label);
      return { text: `${petname} is no longer frozen; what waited comes now.` };
    }
    case "rename": {
      contacts.rename(namedContact(contacts, command.name).label, command.to);
      return { text: `Write to ${command.to}@${OVERLAY_DOMAIN} from now on.` };
    }
    case "remove":
    case "block": {
      const { label, petname } = namedContact(contacts, command.name);
      const token = encodeBase32(home.random(15));
      store.ask(token, { kind: command.kind, label }, clock.now());
      const what =
        command.kind === "remove"
          ? `${petname} will be no contact any more, and is forgotten: letters on their way fail, none come. The letters stay.`
          : `${petname} will be revoked for good: their queue at your relay is deleted, and they cannot come back by an invite.`;
      return {
        text: `${what}\n\nAnswer this letter, and it is done. To leave it as it is, do nothing. The question is open for a day.`,
        subject: `Really ${command.kind} ${petname}? [${token}]`,
        token,
      };
    }
    default:
      return { text: unknownText(command.kind === "unknown" ? command : { said: command.kind }) };
  }
}

/** What has to ask a relay, or to wait for others; undefined for what has not. It may return no answer where it wrote one down. */
function takesTime(
  home: CommandHome,
  store: CommandStore,
  command: MailCommand,
  key: Uint8Array,
  again: boolean,
): (() => Promise<CommandAnswer | undefined>) | undefined {
  const { db, contacts, overlay, clock } = home;
  switch (command.kind) {
    case "invite":
      return async () => {
        const { name, asks } = command;
        const expiresAt = clock.now() + INVITE_LIFETIME;
        await overlay.createInvite({
          expiresAt,
          asks,
          ...(name !== undefined && { name }),
          alongside: (invite) => store.setDone(key, { text: inviteText(invite.link, expiresAt, asks), invite }),
        });
        return undefined;
      };
    case "accept-invite":
      return async () => ({ text: await acceptInvite(home, command, again) });
    case "accept": {
      if (isInvitation(command.which)) {
        const { which, name } = command;
        return async () => ({ text: describeAccepted(await requireUpgrades(home).accept(which, name)) });
      }
      const asking = overlay
        .pendingInvites()
        .find(({ id, name, state }) => state === "asking" && (id === command.which || same(name, command.which)));
      if (asking === undefined) return undefined;
      return async () => joined(home, await overlay.approveInvite(asking.id));
    }
    case "make-code":
      return async () => {
        const made = overlay.meetings.codes().find(({ role, name }) => role === "maker" && same(name, command.name));
        return codeAnswer(again && made !== undefined ? made : await overlay.meetings.makeCode(command.name));
      };
    case "cancel":
      return async () => {
        try {
          await cancel(overlay, command.which);
        } catch (error) {
          if (!again || !(error instanceof Failure) || error.code !== "nonexistent") throw error;
        }
        return { text: "It is withdrawn: nobody can use it any more." };
      };
    case "confirm": {
      const question = store.question(command.token, clock.now());
      if (question === undefined)
        return async () => ({
          text: "The question was answered before, or is older than a day: write the command again.",
        });
      return async () => {
        const { kind, label } = question;
        const who = contacts.byLabel(label)?.petname ?? "The contact";
        if (kind === "block" && contacts.byLabel(label) !== undefined) await overlay.blockContact(label);
        if (kind === "remove") await overlay.removeContact(label);
        await db.commit(() => {
          if (kind === "remove" && contacts.byLabel(label) !== undefined) contacts.remove(label);
          store.forgetQuestion(command.token);
          const text = kind === "remove" ? `${who} is no contact any more.` : `${who} is revoked.`;
          store.setDone(key, { text, subject: `Re: ${kind}` });
        });
        return undefined;
      };
    }
    default:
      return undefined;
  }
}

async function acceptInvite(
  { contacts, overlay }: CommandHome,
  { link, name }: Extract<MailCommand, { kind: "accept-invite" }>,
  again: boolean,
): Promise<string> {
  const { inviter } = parseInviteLink(link);
  const known = contacts.byLabel(inviter);
  if (again && known !== undefined) return joinedText(known.petname);
  const accepted = await overlay.acceptInvite(link, name ?? freePetname(contacts, undefined, inviter));
  if (accepted.kind === "waiting")
    return `${accepted.reason}.\nThe bridge goes on trying until the invite expires. Write \`contacts\` or \`pending\` to see how far it is.`;
  const rename = name === undefined ? `\nTo call them otherwise, write: rename ${accepted.petname} NAME` : "";
  return `${joinedText(accepted.petname)}${rename}`;
}

/** Whatever is under way by that name, id or code. */
async function cancel(overlay: Overlay, which: string): Promise<void> {
  const finds = [
    () => {
      const { id } = spokenCode(overlay, which);
      return () => overlay.meetings.cancel(id);
    },
    () => {
      const { id } = offeredIntroduction(overlay, which);
      return () => overlay.meetings.cancelIntroduction(id);
    },
  ];
  for (const find of finds) {
    try {
      find()();
      return;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "nonexistent") throw error;
    }
  }
  await overlay.cancelInvite(pendingInvite(overlay, which).id);
}

function joined({ contacts }: CommandHome, label: AddressLabel): CommandAnswer {
  return { text: joinedText(contacts.byLabel(label)?.petname ?? formatAddress(OWN_LOCAL_PART, label)) };
}

function joinedText(petname: string): string {
  return `${petname} is your contact now. Write to ${petname}@${OVERLAY_DOMAIN}`;
}

function inviteText(link: string, expiresAt: number, asks: boolean): string {
  return [
    link,
    "",
    "Give this link, or the picture, to one person only, on a way that you trust.",
    asks
      ? "Nothing flows until you let them in: a notice says who asks."
      : "Whoever uses it first becomes your contact.",
    `It expires ${new Date(expiresAt).toISOString()}.`,
    "",
    "They accept it with `postern accept`, or by sending it in a letter to postern@postern.alt.",
  ].join("\n");
}

function codeAnswer({ code, name, relay, expiresAt }: PendingCode): CommandAnswer {
  return {
    text: [
      `    ${code}`,
      "",
      `Say this to ${name}, face to face or on the telephone. They write to postern@postern.alt: pair ${code} YOU`,
      `If they do not use your relay, they add: at ${relay}`,
      `A notice says how it ends. It lives until ${new Date(expiresAt).toISOString()}; one wrong try kills it.`,
    ].join("\n"),
  };
}

function phraseText(petname: string, phrase: string | undefined): string {
  if (phrase === undefined)
    throw new Failure("unavailable", `${petname} has not answered yet: there are no words to compare`);
  return [
    `You and ${petname} must see the same four words:`,
    "",
    `    ${phrase}`,
    "",
    `Let ${petname} read them to you, face to face or on the telephone. If they are the same, write:`,
    "",
    `    verify ${petname} ${phrase}`,
  ].join("\n");
}

function unknownText({ said, nearest, picture }: { said: string; nearest?: string; picture?: true }): string {
  const why = [
    picture === true
      ? "Pictures cannot be read yet: send the invite's link, or scan the picture with something that shows the text in it."
      : said === ""
        ? "There is nothing in the letter that the bridge understands."
        : `The bridge does not understand: ${said}`,
    ...(nearest === undefined ? [] : ["", `Did you mean: ${nearest}`]),
  ];
  return [...why, "", helpText()].join("\n");
}

/** An old address, or one of several invitations from it. */
function isInvitation(which: string): boolean {
  return which.includes("@") || /^invitation-\d+$/i.test(which);
}

function requireUpgrades({ upgrades }: CommandHome): Upgrades {
  if (upgrades === undefined) throw new Failure("nonexistent", "no invitations come in letters here");
  return upgrades;
}

function same(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}
