import { formatAddress } from "../../foundation/address.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import { type Account, OWN_LOCAL_PART } from "../account.ts";
import { type ContactAliases, viewContact } from "../operations/contact-operations.ts";
import { explain } from "../reports/letter-reports.ts";
import { COMMAND_HELP } from "./command.ts";

interface ListedHome {
  readonly account: Account;
  readonly contacts: Contacts;
  readonly overlay: Overlay;
  readonly upgrades?: ContactAliases;
}

/** Lines of a listing, so that an answer stays a letter. */
const LINES_MAX = 500;

export function helpText(): string {
  const width = Math.max(...COMMAND_HELP.map(([usage]) => usage.length));
  return [
    "Write to postern@postern.alt, the command in the Subject or as the first line of the letter:",
    "",
    ...COMMAND_HELP.map(([usage, does]) => `${usage.padEnd(width)}  ${does}`),
    "",
    "An invite's link, wherever it stands in the letter, is accepted; so is a forwarded letter with one in it.",
    "What you write here never leaves your bridge.",
  ].join("\n");
}

export function statusText({ account, contacts, overlay }: ListedHome): string {
  const { waiting, failed, connected } = overlay.status();
  return [
    `address       ${account.address}`,
    `relay         ${connected ? "connected" : "not connected"}`,
    `contacts      ${contacts.list().length}`,
    `pending       ${overlay.pendingInvites().length + overlay.meetings.introductions().length}`,
    `queue         ${waiting} waiting, ${failed} failed`,
  ].join("\n");
}

export function contactsText({ contacts, ...home }: ListedHome): string {
  const lines = contacts.list().map((contact) => {
    const { petname, state, how, introducedBy, address, oldAddresses = [] } = viewContact(contact, home);
    const old = oldAddresses.map((one) => `\n    ${one}`).join("");
    return `${petname.padEnd(16)} ${state.padEnd(10)} ${introducedBy === undefined ? `by ${how}` : `introduced by ${introducedBy}`}\n    ${address}${old}`;
  });
  return bounded(lines, "No contacts yet: `invite NAME` makes an invite to give to somebody.");
}

export function pendingText({ contacts, overlay }: ListedHome): string {
  const until = (time: number) => `until ${new Date(time).toISOString()}`;
  const lines = [
    ...overlay.pendingInvites().map(({ id, how, name, state, expiresAt, asker }) => {
      const asks =
        asker === undefined ? "" : `\n    ${formatAddress(OWN_LOCAL_PART, asker)} asks to be let in: accept ${id}`;
      return `${how}${name === undefined ? "" : ` for ${name}`}: ${state}, ${until(expiresAt)} (${id})${asks}`;
    }),
    ...overlay.meetings
      .codes()
      .map(({ code, name, state, expiresAt }) => `spoken code ${code} for ${name}: ${state}, ${until(expiresAt)}`),
    ...overlay.meetings.introductions().map(({ id, name, introducer, other, state, expiresAt }) => {
      const by = contacts.byLabel(introducer)?.petname ?? formatAddress(OWN_LOCAL_PART, introducer);
      return `${name}, introduced by ${by}: ${state}, ${until(expiresAt)} (${id})\n    ${formatAddress(OWN_LOCAL_PART, other)}`;
    }),
  ];
  return bounded(lines, "Nothing is under way.");
}

export function queueText({ contacts, overlay }: ListedHome): string {
  const lines = overlay.status().deliveries.map(({ to, state, since, size, reason }) => {
    const who = contacts.byLabel(to)?.petname ?? formatAddress(OWN_LOCAL_PART, to);
    const why = reason === undefined ? "" : `\n    ${explain(reason)}`;
    return `${who.padEnd(16)} ${(state === "encrypted" ? "waiting" : state).padEnd(10)} since ${new Date(since).toISOString()}, ${size} octets${why}`;
  });
  return bounded(lines, "No letter waits.");
}

function bounded(lines: readonly string[], none: string): string {
  if (lines.length === 0) return none;
  const more = lines.length - LINES_MAX;
  return [...lines.slice(0, LINES_MAX), ...(more > 0 ? [`and ${more} more`] : [])].join("\n");
}
