/** What a server is told at login. */
export type Login =
  | { readonly user: string; readonly password: string }
  | { readonly user: string; readonly accessToken: string };

/** Knows what to log in with just now; an access token is fetched anew where it is needed. @throws Failure */
export type LoginSource = (options?: { readonly refresh?: boolean }) => Promise<Login>;
