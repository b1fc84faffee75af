import { CommandFailure } from "./reply.ts";
import type { ScramClaim } from "./sasl/scram.ts";
import type { Session } from "./session.ts";
import type { MailStore, ScramVerifier } from "./store.ts";

/** Checks user and password and lets the session in. @throws CommandFailure where not; a store's own Failure is no wrong password */
export async function logIn(session: Session, user: string, password: string): Promise<void> {
  const { authenticator } = session.options;
  const store = await check(session, WRONG, () => authenticator.login(user, password));
  letIn(session, store);
}

/**
 * Checks a proof of SCRAM. Resolves with the ServerSignature and what lets the session in, once the client has seen that.
 * @throws as logIn does
 */
export async function proveScram(
  session: Session,
  verifier: ScramVerifier,
  { user, authMessage, proof }: ScramClaim,
): Promise<{ readonly serverSignature: Uint8Array; readonly letIn: () => void }> {
  const { store, serverSignature } = await check(session, WRONG_PROOF, () => verifier.login(user, authMessage, proof));
  return { serverSignature, letIn: () => letIn(session, store) };
}

/** @throws CommandFailure where passwords are not taken, since everybody could read the mail that follows */
export function mustBePrivate(session: Session): void {
  if (!session.mayLogIn) throw new CommandFailure("NO", "PRIVACYREQUIRED", "start TLS first");
}

/** Counts a login that failed; who fails too often is shown out. */
export function countFailure(session: Session, event: string): void {
  session.loginFailures++;
  session.options.logger("warn", event, { onThisConnection: session.loginFailures });
  if (session.loginFailures >= session.limits.loginFailures) session.ending = true;
}

const WRONG = "user or password is wrong";
/** SCRAM hashes the password as it was typed, where PLAIN forgives another spelling. */
const WRONG_PROOF = "user or password is wrong; give the password exactly as it was shown (invalid-proof)";

async function check<T>(session: Session, complaint: string, login: () => Promise<T | undefined>): Promise<T> {
  mustBePrivate(session);
  const result = await session.options.throttle.attempt(login);
  if (result === "busy")
    throw new CommandFailure("NO", "LIMIT", "too many failed logins just now; try again in a while");
  if (result !== undefined) return result;
  countFailure(session, "imap.login-failed");
  throw new CommandFailure("NO", "AUTHENTICATIONFAILED", complaint);
}

function letIn(session: Session, store: MailStore): void {
  session.options.logger("info", "imap.login");
  session.logIn({ kind: "authenticated", store });
}
