import { type AddressLabel, formatAddress, OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Contact, Contacts } from "../../keyring/contacts.ts";
import type { PendingCode } from "../../overlay-adapter/contacts/meetings.ts";
import type { Overlay, PendingInvite } from "../../overlay-adapter/overlay.ts";
import { parseRelayUrl } from "../../relay/relay-url.ts";
import { OWN_LOCAL_PART } from "../account.ts";
import { namedContact, offeredIntroduction, pendingInvite, spokenCode } from "../submission/contact-lookup.ts";
import type { ContactView, Operations, PendingInviteView, SpokenCodeView } from "./operations.ts";

/** How long an invite can be used; whoever needs longer makes another. */
export const INVITE_LIFETIME = 7 * 24 * 3600 * 1000;

/** How long a command waits for the relay before it says that the rest happens later. */
const RELAY_PATIENCE = 15_000;

/** How long a spoken code waits for the bridge of the other one, who may have said it just now. */
const CODE_PATIENCE = 6_000;

/** What the operations need of an opened home. */
export interface ContactHome {
  readonly contacts: Contacts;
  readonly overlay: Overlay;
  readonly upgrades?: ContactAliases;
}

/** Contacts' old e-mail addresses. */
export interface ContactAliases {
  readonly stores: { readonly aliases: { of(label: AddressLabel): readonly string[] } };
}

type ContactOperations = Pick<
  Operations,
  | "invite"
  | "approveInvite"
  | "cancelPending"
  | "accept"
  | "makeCode"
  | "takeCode"
  | "codes"
  | "cancelCode"
  | "introduce"
  | "introductions"
  | "answerIntroduction"
  | "contacts"
  | "removeContact"
  | "blockContact"
  | "freezeContact"
  | "renameContact"
  | "verify"
>;

/** The operations by which contacts come, are known better, and go. `home` throws while the vault is locked. */
export function contactOperations(home: () => ContactHome): ContactOperations {
  const named = (name: string): Contact => namedContact(home().contacts, name);
  const pending = (which: string): PendingInvite => pendingInvite(home().overlay, which);

  function view(label: Contact["label"]): ContactView {
    const contact = home().contacts.byLabel(label);
    if (contact === undefined) throw new Error("the contact that was just there is gone");
    return viewContact(contact, home());
  }

  return {
    async invite({ name, ask = false }) {
      const { overlay } = home();
      const expiresAt = Date.now() + INVITE_LIFETIME;
      const made = await overlay.createInvite({ expiresAt, asks: ask, ...(name !== undefined && { name }) });
      if (
        !made.ready &&
        !(await settles(() => overlay.pendingInvites().some(({ id, state }) => id === made.id && state === "open")))
      )
        throw new Failure(
          "unavailable",
          `the relay cannot be reached: the invite is kept, and will work once the bridge has reached the relay (postern contacts shows it)`,
        );
      return { invite: made.link, id: made.id, expiresAt: new Date(expiresAt).toISOString() };
    },

    async approveInvite({ invite }) {
      return { contact: view(await home().overlay.approveInvite(pending(invite).id)) };
    },

    async cancelPending({ which }) {
      const { id } = pending(which);
      await home().overlay.cancelInvite(id);
      return { cancelled: id };
    },

    async accept({ invite, name }) {
      const { overlay } = home();
      const accepted = await overlay.acceptInvite(invite, name);
      if (accepted.kind === "waiting")
        throw new Failure(
          "unavailable",
          `${accepted.reason}; the bridge goes on trying while it runs, until the invite expires`,
        );
      await settles(() => overlay.pendingInvites().every(({ state }) => state !== "claiming" && state !== "greeting"));
      return { contact: view(accepted.contact) };
    },

    async makeCode({ name }) {
      return viewCode(await home().overlay.meetings.makeCode(name));
    },

    async takeCode({ code, name, at }) {
      const { overlay, contacts } = home();
      const before = new Set(contacts.list().map(({ label }) => label));
      const taken = overlay.meetings.takeCode(code, name, at === undefined ? undefined : parseRelayUrl(at));
      const seen = () => overlay.meetings.codes().find(({ id }) => id === taken.id);
      await settles(() => seen() === undefined, CODE_PATIENCE);
      const pending = seen();
      if (pending !== undefined) return viewCode(pending);
      const met = contacts.list().find(({ label, how }) => !before.has(label) && how === "spoken-code");
      if (met === undefined)
        throw new Failure(
          "forbidden",
          "the code did not lead to a contact: a notice in INBOX says why; make a new one",
        );
      return { ...viewCode(taken), contact: view(met.label) };
    },

    async codes() {
      return { codes: home().overlay.meetings.codes().map(viewCode) };
    },

    async cancelCode({ which }) {
      const { overlay } = home();
      const one = spokenCode(overlay, which);
      overlay.meetings.cancel(one.id);
      return { cancelled: one.code };
    },

    async introduce({ one, other }) {
      const [a, b] = [named(one), named(other)];
      home().overlay.meetings.introduce(a.label, b.label);
      return { introduced: [a.petname, b.petname] };
    },

    async introductions() {
      const { overlay, contacts } = home();
      const introductions = overlay.meetings.introductions().map(({ other, introducer, expiresAt, ...rest }) => ({
        ...rest,
        address: formatAddress(OWN_LOCAL_PART, other),
        introducer: contacts.byLabel(introducer)?.petname ?? formatAddress(OWN_LOCAL_PART, introducer),
        expiresAt: new Date(expiresAt).toISOString(),
      }));
      return { introductions };
    },

    async answerIntroduction({ which, accept, name }) {
      const { overlay } = home();
      const { meetings } = overlay;
      const one = offeredIntroduction(overlay, which);
      if (accept) meetings.acceptIntroduction(one.id, name);
      else meetings.cancelIntroduction(one.id);
      return { answered: one.id };
    },

    async contacts() {
      const { contacts, overlay } = home();
      return {
        contacts: contacts.list().map((contact) => viewContact(contact, home())),
        pending: overlay.pendingInvites().map(viewPending),
      };
    },

    async removeContact({ name }) {
      const { label, petname } = named(name);
      await home().overlay.removeContact(label);
      home().contacts.remove(label);
      return { removed: petname };
    },

    async blockContact({ name }) {
      const { label } = named(name);
      await home().overlay.blockContact(label);
      return { contact: view(label) };
    },

    async freezeContact({ name, frozen }) {
      const { label } = named(name);
      if (frozen) home().overlay.freezeContact(label);
      else home().overlay.unfreezeContact(label);
      return { contact: view(label) };
    },

    async renameContact({ name, to }) {
      const { label } = named(name);
      home().contacts.rename(label, to);
      return { contact: view(label) };
    },

    async verify({ name, phrase }) {
      const contact = named(name);
      const { overlay } = home();
      if (phrase !== undefined && !overlay.verifyContact(contact.label, phrase))
        throw new Failure(
          "forbidden",
          `these are not the words that you and ${contact.petname} should both see: if they are spelt right, somebody stands between you. Freeze the contact (postern contacts --freeze ${contact.petname}) and meet anew, best with \`postern pair\``,
        );
      const seen = overlay.safetyPhrase(contact.label);
      if (seen === undefined)
        throw new Failure("unavailable", `${contact.petname} has not answered yet: there are no words to compare`);
      return { contact: view(contact.label), phrase: seen };
    },
  };
}

export function viewContact(
  { petname, label, state, how }: Contact,
  { overlay, upgrades }: Pick<ContactHome, "overlay" | "upgrades">,
): ContactView {
  const oldAddresses = upgrades?.stores.aliases.of(label) ?? [];
  const phrase = overlay.safetyPhrase(label);
  const introducedBy = how === "introduction" ? overlay.meetings.introducer(label) : undefined;
  return {
    petname,
    address: formatAddress(OWN_LOCAL_PART, label),
    shortAddress: `${petname}@${OVERLAY_DOMAIN}`,
    state,
    how,
    ...(introducedBy !== undefined && { introducedBy }),
    ...(oldAddresses.length > 0 && { oldAddresses }),
    ...(phrase !== undefined && { phrase }),
  };
}

function viewPending({ id, how, name, state, expiresAt, asker }: PendingInvite): PendingInviteView {
  return {
    id,
    how,
    name,
    state,
    expiresAt: new Date(expiresAt).toISOString(),
    ...(asker !== undefined && { asker: formatAddress(OWN_LOCAL_PART, asker) }),
  };
}

function viewCode({ expiresAt, ...code }: PendingCode): SpokenCodeView {
  return { ...code, expiresAt: new Date(expiresAt).toISOString() };
}

/** Waits a bounded time for what the relay, or somebody's bridge, has to confirm. */
async function settles(done: () => boolean, patience = RELAY_PATIENCE): Promise<boolean> {
  const end = Date.now() + patience;
  while (!done()) {
    if (Date.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
