import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { Session } from "../session.ts";
import type { LoggedIn } from "../state.ts";
import { formatMailbox } from "../wire/format.ts";

/** All mail has one quota root (RFC 9208 section 3.2), and this is its name. */
const ROOT = "";

/** RFC 9208 section 4.1.1: `SP quota-root-name`. */
export const getQuota: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const root = args.astring();
  args.end();
  if (root !== ROOT) throw new CommandFailure("NO", "NONEXISTENT", 'there is one quota root, called ""');
  await writeQuota(session, state);
  return "GETQUOTA completed";
};

/** RFC 9208 section 4.1.2: `SP mailbox`, which need not exist. */
export const getQuotaRoot: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const name = args.mailbox();
  args.end();
  session.output.write(`* QUOTAROOT ${formatMailbox(name, session.utf8Names)} "${ROOT}"\r\n`);
  await writeQuota(session, state);
  return "GETQUOTAROOT completed";
};

/** STORAGE is told in units of 1,024 octets (RFC 9208 section 5.1). */
async function writeQuota(session: Session, { store }: LoggedIn): Promise<void> {
  const { usage, limit } = await store.quota();
  session.output.write(`* QUOTA "${ROOT}" (STORAGE ${Math.ceil(usage / 1024)} ${Math.floor(limit / 1024)})\r\n`);
}
