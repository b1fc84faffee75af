import type { AddressLabel } from "../../foundation/address.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import { checkPetname } from "../../keyring/petname.ts";

/** The wanted petname or, where none is wanted, one made from the address; with a number behind it if that is taken. */
export function freePetname(contacts: Contacts, wanted: string | undefined, label: AddressLabel): string {
  const base = wanted ?? `friend-${label.slice(0, 4)}`;
  let name = base;
  for (let number = 2; contacts.byPetname(name) !== undefined; number++) name = `${base}-${number}`;
  return name;
}

/** A petname that can be given now, in the spelling that is kept. @throws Failure invalid, already-exists */
export function givablePetname(contacts: Contacts, wanted: string): string {
  const name = checkPetname(wanted);
  if (contacts.byPetname(name) !== undefined)
    throw new Failure("already-exists", `you have a contact called ${name}: choose another name`);
  return name;
}
