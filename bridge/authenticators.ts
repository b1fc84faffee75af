import { Failure } from "../foundation/failure.ts";
import type { Authenticator, MailStore } from "../imap-front/store.ts";
import { SmtpReply, type SubmissionAuthenticator, type SubmissionSink } from "../smtp-front/submission.ts";
import type { Account } from "./account.ts";
import type { VaultGate } from "./home/vault-gate.ts";

/** What a login leads to, once the vault is open. */
export interface Unlocked {
  readonly account: Account;
  readonly mailStore: MailStore;
  readonly submissionSink: SubmissionSink;
}

/** The user whose app password it is; a login also opens a locked vault (its slot is wrapped under the password). */
async function login(gate: VaultGate<Unlocked>, user: string, password: string): Promise<Unlocked | undefined> {
  const inside = await gate.login(password);
  return inside?.account.isUser(user) ? inside : undefined;
}

export function imapAuthenticator(gate: VaultGate<Unlocked>): Authenticator {
  return {
    login: async (user, password) => (await login(gate, user, password))?.mailStore,
    scram: {
      ...gate.scram,
      async login(user, authMessage, proof) {
        const proven = await gate.loginWithProof(authMessage, proof);
        if (!proven?.inside.account.isUser(user)) return undefined;
        return { store: proven.inside.mailStore, serverSignature: proven.serverSignature };
      },
    },
  };
}

export function smtpAuthenticator(gate: VaultGate<Unlocked>): SubmissionAuthenticator {
  return {
    async login(user, password) {
      try {
        return (await login(gate, user, password))?.submissionSink;
      } catch (error) {
        if (error instanceof Failure) throw new SmtpReply(454, "4.7.0", error.message, { cause: error });
        throw error;
      }
    },
  };
}
