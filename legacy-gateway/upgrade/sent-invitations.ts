import type { Database } from "../../foundation/database.ts";

/** An invite that travels in letters to one old address. */
export interface SentInvitation {
  /** The invite's id in the overlay. */
  readonly invite: string;
  readonly address: string;
  /** It goes inside of an encryption alone; one that went in the clear is another one. */
  readonly encrypted: boolean;
  readonly link: string;
  readonly madeAt: number;
  readonly expiresAt: number;
}

/** Milliseconds after its end for which it is known whom an invitation was for: the overlay lets in who said hello in time. */
const MEMORY = 7 * 24 * 3_600_000;

/** The invitations that were made for old addresses. Synchronous; joins the caller's transaction. */
export class SentInvitations {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  add({ invite, address, encrypted, link, madeAt, expiresAt }: SentInvitation): void {
    this.#sqlite
      .prepare("INSERT INTO gateway_upgrade_invitation VALUES (?, ?, ?, ?, ?, ?)")
      .run(invite, address, Number(encrypted), link, madeAt, expiresAt);
  }

  latest(address: string, encrypted: boolean): SentInvitation | undefined {
    const row = this.#sqlite
      .prepare<[string, number], Row>(
        `SELECT * FROM gateway_upgrade_invitation WHERE address = ? AND encrypted = ? ORDER BY made_at DESC LIMIT 1`,
      )
      .get(address, Number(encrypted));
    return row && invitationOf(row);
  }

  byInvite(invite: string): SentInvitation | undefined {
    const row = this.#sqlite
      .prepare<[string], Row>("SELECT * FROM gateway_upgrade_invitation WHERE invite = ?")
      .get(invite);
    return row && invitationOf(row);
  }

  of(address: string): SentInvitation[] {
    return this.#sqlite
      .prepare<[string], Row>("SELECT * FROM gateway_upgrade_invitation WHERE address = ? ORDER BY made_at")
      .all(address)
      .map(invitationOf);
  }

  /** Those that are for addresses that are contacts' by now. */
  needless(): SentInvitation[] {
    return this.#sqlite
      .prepare<[], Row>(
        `SELECT * FROM gateway_upgrade_invitation WHERE address IN (SELECT address FROM gateway_alias WHERE state = 'moved')`,
      )
      .all()
      .map(invitationOf);
  }

  /** How many can still be taken. */
  open(now: number): number {
    return (
      this.#sqlite
        .prepare<[number], number>("SELECT count(*) FROM gateway_upgrade_invitation WHERE expires_at > ?")
        .pluck()
        .get(now) ?? 0
    );
  }

  forget(invite: string): void {
    this.#sqlite.prepare("DELETE FROM gateway_upgrade_invitation WHERE invite = ?").run(invite);
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM gateway_upgrade_invitation WHERE expires_at < ?").run(now - MEMORY);
  }
}

interface Row {
  readonly invite: string;
  readonly address: string;
  readonly encrypted: number;
  readonly link: string;
  readonly made_at: number;
  readonly expires_at: number;
}

function invitationOf({ encrypted, made_at: madeAt, expires_at: expiresAt, ...row }: Row): SentInvitation {
  return { ...row, encrypted: encrypted === 1, madeAt, expiresAt };
}
