import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { signIn } from "../../legacy-gateway/provider/oauth-sign-in.ts";
import { SomeAuthorizationServer } from "./some-authorization-server.ts";

let server: SomeAuthorizationServer;

beforeEach(async () => {
  server = await SomeAuthorizationServer.start();
});
afterEach(() => server.stop());

/** Signs in; `browser` gets the page. */
async function run(browser: (page: URL) => void, patience = 20_000): Promise<string> {
  return await signIn(
    { page: `${server.url}/authorize`, tokenUrl: `${server.url}/token`, clientId: "app", scope: "mail offline" },
    {
      address: "ann@old.example",
      proxy: undefined,
      signal: undefined,
      patience,
      onPage: (page) => browser(new URL(page)),
    },
  );
}

test("who signs in at the provider's page gives the bridge a refresh token, by PKCE and a redirect to loopback", async () => {
  let page = new URL("http://unset");
  let shown: Promise<{ status: number; text: string }> | undefined;
  const token = await run((url) => {
    page = url;
    shown = server.browse(url.href);
  });
  expect(token).toMatch(/^[0-9a-f]{24}$/);
  expect(await shown).toEqual({ status: 200, text: "You are signed in, and can close this page.\n" });
  const query = Object.fromEntries(page.searchParams);
  expect(query).toMatchObject({
    response_type: "code",
    client_id: "app",
    scope: "mail offline",
    login_hint: "ann@old.example",
    code_challenge_method: "S256",
    redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
  });
  // RFC 7636 section 4.1: 43 to 128 characters, which the page does not see.
  const verifier = server.forms[0]?.get("code_verifier") ?? "";
  expect(verifier).toMatch(/^[\w-]{43}$/);
  expect(page.href).not.toContain(verifier);
  await expect(fetch(query["redirect_uri"] ?? "")).rejects.toThrow();
});

test("nobody but the page that was opened can bring a code", async () => {
  const token = await run((page) => {
    const back = page.searchParams.get("redirect_uri") ?? "";
    void (async () => {
      for (const path of ["?code=evil", "?code=evil&state=guessed", "other?code=evil", "?error=access_denied"])
        expect((await fetch(new URL(path, back))).status).toBe(404);
      await server.browse(page.href);
    })();
  });
  expect(token).not.toBe("");
  expect(server.forms.map((form) => form.get("code"))).not.toContain("evil");
});

test("a user who says no at the page, or a provider that gives no lasting token, is a refusal in their words", async () => {
  const browse = (page: URL): void => void server.browse(page.href);
  server.refusal = "access_denied";
  await expect(run(browse)).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("access_denied"),
  });
  server.refusal = undefined;
  server.givesRefreshToken = false;
  await expect(run(browse)).rejects.toMatchObject({ code: "forbidden", message: expect.stringContaining("offline") });
});

test("a page that nobody signs in at is not waited for for ever", async () => {
  await expect(run(() => undefined, 50)).rejects.toMatchObject({ code: "unavailable" });
});

test("a page elsewhere is not opened in the clear", async () => {
  const place = { page: "http://login.example/", tokenUrl: `${server.url}/token`, clientId: "app", scope: "mail" };
  const options = { address: "ann@old.example", proxy: undefined, signal: undefined, onPage: () => undefined };
  await expect(signIn(place, options)).rejects.toMatchObject({ code: "invalid" });
});
