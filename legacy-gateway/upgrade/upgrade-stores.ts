import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Aliases } from "./aliases.ts";
import { Consents } from "./consents.ts";
import { Offers } from "./offers.ts";
import { SentInvitations } from "./sent-invitations.ts";
import { UPGRADE_SCHEMA } from "./upgrade-schema.ts";

/** What is known of old addresses on their way to the overlay. */
export interface UpgradeStores {
  readonly consents: Consents;
  readonly invitations: SentInvitations;
  readonly offers: Offers;
  readonly aliases: Aliases;
}

export function openUpgradeStores(db: Database, clock: Clock): UpgradeStores {
  db.migrate(UPGRADE_SCHEMA);
  const parts = { consents: new Consents(db), invitations: new SentInvitations(db), offers: new Offers(db) };
  return { ...parts, aliases: new Aliases({ db, clock, ...parts }) };
}
