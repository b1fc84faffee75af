import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import type { ContactView, Operations, PendingInviteView } from "../../operations/operations.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

interface ContactsOptions extends CommonOptions {
  readonly freeze?: string;
  readonly unfreeze?: string;
  readonly block?: string;
  readonly remove?: string;
  readonly rename?: string;
  readonly to?: string;
}

export function addContactsCommand(program: Command): void {
  addCommand<ContactsOptions>(
    program,
    "contacts",
    "List the contacts, how each came to be one and how well it is known, and what is under way; or change one.",
    [
      "postern contacts",
      "postern contacts --json",
      "postern contacts --freeze bob",
      "postern contacts --block bob",
      "postern contacts --remove bob",
      "postern contacts --rename bob --to robert",
    ],
    (command) =>
      command
        .option("--freeze <name>", "send nothing to this contact, and let what comes wait at the relay")
        .option("--unfreeze <name>", "end that")
        .option(
          "--block <name>",
          "end it for good: their queue at the relay goes, so that what they send costs nothing; they stay listed as revoked, and cannot come back by an invite",
        )
        .option("--remove <name>", "end it and forget them: letters on their way fail, none come any more")
        .option("--rename <name>", "call this contact otherwise")
        .option("--to <name>", "the new name"),
    async (invocation, options) => {
      const { freeze, unfreeze, block, remove, rename, to } = options;
      if ([freeze, unfreeze, block, remove, rename].filter((name) => name !== undefined).length > 1)
        throw new Failure("invalid", "change one thing at a time");
      if ((rename === undefined) !== (to === undefined)) throw new Failure("invalid", "write --rename OLD --to NEW");
      const [value, text] = await withOperations(invocation, (operations) => act(operations, options));
      invocation.output.result(value, text);
    },
  );
}

async function act(
  operations: Operations,
  { freeze, unfreeze, block, remove, rename, to }: ContactsOptions,
): Promise<[object, string]> {
  if (freeze !== undefined) {
    const done = await operations.freezeContact({ name: freeze, frozen: true });
    return [
      done,
      `${done.contact.petname} is frozen: nothing goes either way until --unfreeze ${done.contact.petname}.`,
    ];
  }
  if (unfreeze !== undefined) {
    const done = await operations.freezeContact({ name: unfreeze, frozen: false });
    return [done, `${done.contact.petname} is ${done.contact.state} again; what waited comes now.`];
  }
  if (block !== undefined) {
    const done = await operations.blockContact({ name: block });
    return [done, `${done.contact.petname} is revoked: the queue they wrote into is deleted. --remove forgets them.`];
  }
  if (remove !== undefined) {
    const done = await operations.removeContact({ name: remove });
    return [done, `${done.removed} is no contact any more. The letters stay.`];
  }
  if (rename !== undefined && to !== undefined) {
    const done = await operations.renameContact({ name: rename, to });
    return [done, `${done.contact.petname} it is. Write to ${done.contact.shortAddress}`];
  }
  const { contacts, pending } = await operations.contacts();
  const lines = contacts.map(contactLines);
  if (contacts.length === 0)
    lines.push("No contacts yet: `postern invite --name NAME` makes an invite to give to somebody.");
  return [{ contacts, pending }, [...lines, ...pending.map(pendingLine)].join("\n")];
}

function contactLines({
  petname,
  shortAddress,
  state,
  how,
  introducedBy,
  address,
  oldAddresses = [],
}: ContactView): string {
  const old = oldAddresses.map((one) => `\n    ${one} (letters there go over the overlay)`).join("");
  return `${petname.padEnd(16)} ${state.padEnd(10)} ${introducedBy === undefined ? `by ${how}` : `introduced by ${introducedBy}`}\n    ${shortAddress}\n    ${address}${old}`;
}

/** One line for what is under way to become a contact. */
export function pendingLine({ id, how, name, state, expiresAt, asker }: PendingInviteView): string {
  const whom = name === undefined ? "" : ` for ${name}`;
  const asks = asker === undefined ? "" : `\n    ${asker} asks: postern invite --approve ${id}`;
  return `${how}${whom}: ${state}, until ${expiresAt} (${id})${asks}`;
}
