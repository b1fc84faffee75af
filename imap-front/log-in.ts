import { CommandFailure } from "./reply.ts";
import type { Session } from "./session.ts";

/** Checks user and password and lets the session in. @throws CommandFailure where not; a store's own Failure is no wrong password */
export async function logIn(session: Session, user: string, password: string): Promise<void> {
  const { authenticator, logger, throttle } = session.options;
  if (!session.mayLogIn) throw new CommandFailure("NO", "PRIVACYREQUIRED", "start TLS first");
  const store = await throttle.attempt(() => authenticator.login(user, password));
  if (store === "busy")
    throw new CommandFailure("NO", "LIMIT", "too many failed logins just now; try again in a while");
  if (store === undefined) {
    session.loginFailures++;
    logger("warn", "imap.login-failed", { onThisConnection: session.loginFailures });
    if (session.loginFailures >= session.limits.loginFailures) session.ending = true;
    throw new CommandFailure("NO", "AUTHENTICATIONFAILED", "user or password is wrong");
  }
  logger("info", "imap.login");
  session.logIn({ kind: "authenticated", store });
}
