import { expect, test } from "@jest/globals";
import type { ContactCompanion } from "../../overlay-adapter/contacts/contact-companion.ts";
import { cast } from "../scenarios/cast.ts";
import type { Person } from "./person.ts";

const scene = cast();

/** Writes down what it is told, and whether that was outside of a transaction. */
class Notes implements ContactCompanion {
  readonly said: string[] = [];
  owner: Person | undefined;

  met(_label: string, made: string | undefined): void {
    this.#note(made === undefined ? "met" : `met by ${made}`);
  }

  confirmed(): void {
    this.#note("confirmed");
  }

  parted(): void {
    this.#note("parted");
  }

  #note(text: string): void {
    this.said.push(this.owner?.db.sqlite.inTransaction === true ? text : `${text} outside of a transaction`);
  }
}

test("what is kept beside contacts comes, is confirmed and goes in the contacts' own transactions", async () => {
  const [hers, his] = [new Notes(), new Notes()];
  const alice = scene.person(undefined, { companion: hers });
  const bob = scene.person(undefined, { companion: his });
  hers.owner = alice;
  his.owner = bob;
  const { id, link } = await alice.overlay.createInvite({ expiresAt: Date.now() + 3_600_000 });
  await bob.overlay.acceptInvite(link, "alice");
  await bob.untilEvent("contact-confirmed");
  await alice.untilEvent("contact-added");
  expect([hers.said, his.said]).toEqual([[`met by ${id}`], ["met", "confirmed"]]);
  await bob.overlay.removeContact(alice.label);
  await alice.overlay.blockContact(bob.label);
  expect([hers.said.at(-1), his.said.at(-1)]).toEqual(["parted", "parted"]);
});
