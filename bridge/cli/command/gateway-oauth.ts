import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import type { GatewayOAuthRequest, SignInProgress } from "../../operations/operations.ts";
import type { Output } from "../output.ts";
import { readPassword } from "../password.ts";

export interface OAuthOptions {
  readonly oauth?: string;
  readonly oauthClientId?: string;
  readonly oauthClientSecretFile?: string;
  readonly oauthPage?: string;
  readonly oauthScope?: string;
}

/** Where providers that are often met let people sign in and give access tokens. */
const PROVIDERS: Readonly<Record<string, Pick<GatewayOAuthRequest, "page" | "tokenUrl" | "scope" | "redirectHost">>> = {
  google: {
    // Without these two Google gives a refresh token the first time alone.
    page: "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent",
    tokenUrl: "https://oauth2.googleapis.com/token",
    scope: "https://mail.google.com/",
  },
  microsoft: {
    page: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    tokenUrl: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    scope: "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access",
    redirectHost: "localhost",
  },
};

export function oauthOptions(command: Command): Command {
  return command
    .option(
      "--oauth <provider>",
      "google, microsoft or a token server's URL: you sign in at the provider's page instead of giving a password here",
    )
    .option("--oauth-client-id <id>", "of an application that the provider knows; mail programs have theirs")
    .option("--oauth-client-secret-file <file>", "its first line is that application's secret, where it has one")
    .option("--oauth-page <url>", "the page to sign in at, where the token server is named by its URL")
    .option("--oauth-scope <scope>", "what access is asked for, where the token server is named by its URL");
}

/** @throws Failure invalid, nonexistent */
export async function oauthRequest(
  { oauth, oauthClientId, oauthClientSecretFile, oauthPage, oauthScope }: OAuthOptions,
  ca: string | undefined,
): Promise<GatewayOAuthRequest | undefined> {
  if (oauth === undefined) return undefined;
  if (oauthClientId === undefined)
    throw new Failure("invalid", "name the application that asks for access with --oauth-client-id");
  const secret =
    oauthClientSecretFile === undefined ? undefined : await readPassword("Client secret: ", oauthClientSecretFile);
  return {
    ...(PROVIDERS[oauth] ?? { tokenUrl: oauth }),
    ...(oauthPage !== undefined && { page: oauthPage }),
    ...(oauthScope !== undefined && { scope: oauthScope }),
    clientId: oauthClientId,
    ...(secret !== undefined && { clientSecret: secret }),
    ...(ca !== undefined && { ca }),
  };
}

/** Shows the page that the user is to open. */
export function showingPage(output: Output): (progress: SignInProgress) => void {
  return ({ page }) => {
    output.event({ event: "sign-in", page });
    output.note(`Open this page in a browser on this machine, and sign in there:\n\n    ${page}\n`);
  };
}
