import type { Clock } from "../foundation/clock.ts";
import { Database } from "../foundation/database.ts";
import { silentLogger } from "../foundation/logger.ts";
import { encodeBech32 } from "../maildir/age/bech32.ts";
import { X25519Identity } from "../maildir/age/x25519.ts";
import { openMaildir } from "../maildir/open.ts";
import type { Maildir } from "../maildir/store.ts";

const DATABASE_KEY = Buffer.alloc(32, 2);
const VAULT_KEY = Buffer.alloc(32, 1);
const IDENTITY = new X25519Identity(encodeBech32("age-secret-key-", Buffer.alloc(32, 3)));

/** What is written behind is written at once, and indexing keeps up: more happens before the next crash. */
const hurriedClock: Clock = {
  now: () => Date.now(),
  after(delay, callback) {
    const timer = setTimeout(callback, delay / 20);
    return () => clearTimeout(timer);
  },
};

export interface StormHome {
  readonly db: Database;
  readonly maildir: Maildir;
  close(): Promise<void>;
}

/** Opens or makes the mail of a home whose keys everybody knows. */
export async function openStormHome(home: string): Promise<StormHome> {
  const db = new Database(`${home}/state.db`, DATABASE_KEY);
  try {
    const maildir = await openMaildir({
      db,
      home,
      vaultKey: VAULT_KEY,
      recoveryRecipient: IDENTITY.recipient,
      clock: hurriedClock,
      logger: silentLogger,
    });
    return {
      db,
      maildir,
      async close() {
        await maildir.close();
        db.close();
      },
    };
  } catch (error) {
    db.close();
    throw error;
  }
}
