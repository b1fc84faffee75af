import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { AccessTokens, type OAuthSecret } from "../../legacy-gateway/provider/access-tokens.ts";

let server: Server;
let forms: URLSearchParams[];
let answer: { status: number; body: unknown };
let secret: OAuthSecret;
let now: number;

beforeEach(async () => {
  forms = [];
  now = 1e12;
  answer = { status: 200, body: { access_token: "first", expires_in: 3600 } };
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += String(piece)));
    request.on("end", () => {
      forms.push(new URLSearchParams(body));
      response.writeHead(answer.status).end(JSON.stringify(answer.body));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  secret = { kind: "oauth", tokenUrl: `http://127.0.0.1:${port}/token`, clientId: "app", refreshToken: "old" };
});
afterEach(() => void server.close());

function tokens(): AccessTokens {
  return new AccessTokens({
    clock: { now: () => now, after: () => () => undefined },
    isolation: "ann@old.example",
    read: () => secret,
    store: (changed) => void (secret = changed),
  });
}

test("a token is asked for once, kept until shortly before its end, and then fetched anew", async () => {
  const access = tokens();
  expect(await Promise.all([access.get(), access.get()])).toEqual(["first", "first"]);
  expect(Object.fromEntries(forms[0] ?? [])).toEqual({
    grant_type: "refresh_token",
    refresh_token: "old",
    client_id: "app",
  });
  now += 3_000_000;
  expect(await access.get()).toBe("first");
  answer = { status: 200, body: { access_token: "second", expires_in: 3600 } };
  now += 500_000;
  expect(await access.get()).toBe("second");
  expect(forms).toHaveLength(2);
});

test("another refresh token takes the place of the one before", async () => {
  answer = { status: 200, body: { access_token: "first", refresh_token: "new" } };
  const access = tokens();
  await access.get();
  await access.get({ refresh: true });
  expect(forms.map((form) => form.get("refresh_token"))).toEqual(["old", "new"]);
});

test("a grant that was taken back is told apart from a server that is down", async () => {
  answer = { status: 400, body: { error: "invalid_grant", error_description: "revoked" } };
  await expect(tokens().get()).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("revoked"),
  });
  answer = { status: 503, body: "busy" };
  await expect(tokens().get()).rejects.toMatchObject({ code: "unavailable" });
});

test("a token server elsewhere is not asked in the clear", async () => {
  secret = { ...secret, tokenUrl: "http://tokens.example/token" };
  await expect(tokens().get()).rejects.toMatchObject({ code: "invalid" });
});
