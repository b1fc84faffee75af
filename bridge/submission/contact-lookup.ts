import { Failure } from "../../foundation/failure.ts";
import type { Contact, Contacts } from "../../keyring/contacts.ts";
import type { PendingCode, PendingIntroduction } from "../../overlay-adapter/contacts/meetings.ts";
import type { Overlay, PendingInvite } from "../../overlay-adapter/overlay.ts";

/** @throws Failure nonexistent */
export function namedContact(contacts: Contacts, name: string): Contact {
  const contact = contacts.byPetname(name);
  if (contact === undefined)
    throw new Failure("nonexistent", `there is no contact "${name}"; \`postern contacts\` names them`);
  return contact;
}

/** By id, or by the name that the contact would have. @throws Failure nonexistent, invalid (several) */
export function pendingInvite(overlay: Overlay, which: string): PendingInvite {
  const found = overlay
    .pendingInvites()
    .filter(({ id, name }) => id === which || name?.toLowerCase() === which.toLowerCase());
  const [one] = found;
  if (one === undefined)
    throw new Failure("nonexistent", `nothing is pending under "${which}"; \`postern contacts\` lists what is`);
  if (found.length > 1)
    throw new Failure("invalid", `several are pending for "${which}": use the id that \`postern contacts\` shows`);
  return one;
}

/** By id, code or name. @throws Failure nonexistent, invalid (several) */
export function spokenCode({ meetings }: Overlay, which: string): PendingCode {
  const wanted = which.toLowerCase();
  const found = meetings
    .codes()
    .filter(({ id, code, name }) => [id, code, name.toLowerCase()].some((one) => one === wanted));
  const [one] = found;
  if (one === undefined)
    throw new Failure("nonexistent", `no spoken code is under way as "${which}"; \`postern pair --list\` lists them`);
  if (found.length > 1) throw new Failure("invalid", `several are under way with "${which}": write the code itself`);
  return one;
}

/** By id, or the name that was given. @throws Failure nonexistent, invalid (several) */
export function offeredIntroduction({ meetings }: Overlay, which: string): PendingIntroduction {
  const wanted = which.toLowerCase();
  const found = meetings.introductions().filter((each) => each.id === wanted || each.name.toLowerCase() === wanted);
  const [one] = found;
  if (one === undefined)
    throw new Failure("nonexistent", `nobody introduces "${which}" to you; \`postern introduce --list\` names them`);
  if (found.length > 1)
    throw new Failure(
      "invalid",
      `several are introduced as "${which}": use the id that \`postern introduce --list\` shows`,
    );
  return one;
}
