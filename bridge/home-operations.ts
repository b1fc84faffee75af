import { readFile, stat } from "node:fs/promises";
import { formatAddress, OVERLAY_DOMAIN } from "../foundation/address.ts";
import { Failure } from "../foundation/failure.ts";
import { certificateFingerprint } from "../keyring/certificate.ts";
import type { Contact } from "../keyring/contacts.ts";
import { seedToWords } from "../keyring/paper-key.ts";
import { recoveryIdentity } from "../keyring/recovery-identity.ts";
import { exportMail } from "../maildir/export/export.ts";
import { importAccount } from "../maildir/import/account/import-account.ts";
import { importMail } from "../maildir/import/import.ts";
import { OWN_LOCAL_PART } from "./account.ts";
import { routeOf } from "./carriers.ts";
import type { Config } from "./config.ts";
import type { HomePaths } from "./home.ts";
import { formatHostPort, type HostPort } from "./host-port.ts";
import type { OpenedHome } from "./opened-home.ts";
import type { ContactView, Operations, StatusView } from "./operations.ts";
import type { VaultGate } from "./vault-gate.ts";

/** How long an invite can be used; whoever needs longer makes another. */
const INVITE_LIFETIME = 7 * 24 * 3600 * 1000;

/** How long a command waits for the relay before it says that the rest happens later. */
const RELAY_PATIENCE = 15_000;

export interface HomeOperationsOptions {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly gate: VaultGate<OpenedHome>;
  /** Where the fronts listen, if they do. */
  readonly fronts: () => { readonly imap: HostPort; readonly smtp: HostPort } | undefined;
}

/** The operations on a home in this process. */
export function homeOperations({ paths, config, gate, fronts }: HomeOperationsOptions): Operations {
  return {
    async status() {
      const inside = gate.inside;
      const listening = fronts();
      const caFingerprint = certificateFingerprint(await readFile(paths.authority, "utf8"));
      const common = {
        home: paths.home,
        running: listening !== undefined,
        imap: listening?.imap ?? config.imap,
        smtp: listening?.smtp ?? config.smtp,
        caFile: paths.authority,
        caFingerprint,
        route: routeOf(config),
        memoryBytes: process.memoryUsage.rss(),
      };
      if (inside === undefined) return { ...common, vault: "locked" };
      return { ...common, ...openStatus(inside, config) };
    },

    async invite({ name }) {
      const { overlay } = gate.require();
      const expiresAt = Date.now() + INVITE_LIFETIME;
      const made = await overlay.createInvite({ expiresAt, ...(name !== undefined && { name }) });
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

    async accept({ invite, name }) {
      const { overlay, contacts } = gate.require();
      const accepted = await overlay.acceptInvite(invite, name);
      if (accepted.kind === "waiting")
        throw new Failure(
          "unavailable",
          `${accepted.reason}; the bridge goes on trying while it runs, until the invite expires`,
        );
      await settles(() => overlay.pendingInvites().every(({ state }) => state !== "claiming" && state !== "greeting"));
      const contact = contacts.byLabel(accepted.contact);
      if (contact === undefined) throw new Error("the contact that joined is not there");
      return { contact: viewContact(contact) };
    },

    async contacts() {
      const { overlay, contacts } = gate.require();
      const pending = overlay
        .pendingInvites()
        .map(({ id, name, state, expiresAt }) => ({ id, name, state, expiresAt: new Date(expiresAt).toISOString() }));
      return { contacts: contacts.list().map(viewContact), pending };
    },

    async removeContact({ name }) {
      const { overlay, contacts } = gate.require();
      const contact = contacts.byPetname(name);
      if (contact === undefined)
        throw new Failure("nonexistent", `there is no contact "${name}"; \`postern contacts\` names them`);
      await overlay.removeContact(contact.label);
      contacts.remove(contact.label);
      return { removed: contact.petname };
    },

    async addAppPassword({ name }) {
      const { account } = gate.require();
      return { name, user: account.address, appPassword: await gate.addAppPassword(name) };
    },

    async listAppPasswords() {
      return { names: gate.appPasswordNames() };
    },

    async removeAppPassword({ name }) {
      await gate.removeAppPassword(name);
      return { removed: name };
    },

    async paperKey() {
      const { identity, account } = gate.require();
      const seed = identity.masterSeed();
      if (seed === undefined)
        throw new Failure("nonexistent", "the paper key is no longer on this machine: only the paper has it");
      const { identity: secret, recipient } = recoveryIdentity(seed);
      return {
        words: seedToWords(seed),
        recoveryIdentity: secret,
        recoveryRecipient: recipient,
        address: account.address,
      };
    },

    async forgetPaperKey() {
      gate.require().identity.forgetMasterSeed();
      return { forgotten: true };
    },

    async importMail({ path, folder }, onProgress, signal) {
      const { maildir } = gate.require();
      await stat(path).catch((error: unknown) => {
        throw new Failure("nonexistent", `${path} cannot be read`, { cause: error });
      });
      return await importMail(maildir, path, folder, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
    },

    async importAccount(request, onProgress, signal) {
      const { maildir } = gate.require();
      return await importAccount(maildir, request, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
    },

    async exportMail({ path, ...request }, onProgress, signal) {
      const { maildir } = gate.require();
      return await exportMail(maildir, path, {
        ...request,
        ...(onProgress && { onProgress }),
        ...(signal && { signal }),
      });
    },
  };
}

function openStatus(inside: OpenedHome, config: Config): Partial<StatusView> & Pick<StatusView, "vault"> {
  const { account, contacts, overlay, maildir, identity, relay } = inside;
  const { waiting, failed } = overlay.status();
  return {
    vault: "open",
    address: account.address,
    relay: {
      kind: config.relayUrl === undefined ? "own" : "external",
      address: formatHostPort(relay),
      ...(inside.onion && { published: inside.onion.published }),
    },
    contacts: contacts.list().length,
    pendingInvites: overlay.pendingInvites().length,
    queue: { waiting, failed },
    messages: maildir.mailboxes().reduce((sum, mailbox) => sum + mailbox.status().messages, 0),
    paperKeyKept: identity.masterSeed() !== undefined,
  };
}

function viewContact({ petname, label, state, how }: Contact): ContactView {
  return {
    petname,
    address: formatAddress(OWN_LOCAL_PART, label),
    shortAddress: `${petname}@${OVERLAY_DOMAIN}`,
    state,
    how,
  };
}

/** Waits a bounded time for what the relay has to confirm. */
async function settles(done: () => boolean): Promise<boolean> {
  const end = Date.now() + RELAY_PATIENCE;
  while (!done()) {
    if (Date.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
