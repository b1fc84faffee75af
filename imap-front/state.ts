import type { MailStore } from "./store.ts";
import type { MailboxView } from "./view.ts";

/** RFC 9051 section 3: what a session may do, with what it then has at hand. */
export type State = NotAuthenticated | LoggedIn;

export interface NotAuthenticated {
  readonly kind: "notAuthenticated";
}

export type LoggedIn = Authenticated | Selected;

export interface Authenticated {
  readonly kind: "authenticated";
  readonly store: MailStore;
}

export interface Selected {
  readonly kind: "selected";
  readonly store: MailStore;
  readonly view: MailboxView;
}
