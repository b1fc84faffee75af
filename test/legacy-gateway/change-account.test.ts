import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { PASSWORD, Recipient, SomeProvider } from "./some-provider.ts";

const ADDRESS = "ann@old.example";

let provider: SomeProvider;
let other: SomeProvider;
let ann: Recipient;

beforeEach(async () => {
  [provider, other] = await Promise.all([SomeProvider.start(), SomeProvider.start()]);
  ann = await Recipient.create();
  ann.gateway.start();
  await ann.gateway.add(provider.settings, PASSWORD);
  await ann.upToDate();
});
afterEach(async () => {
  await ann.close();
  await provider.stop();
  await other.stop();
});

const kept = () => {
  const { id, ...settings } = ann.gateway.require(ADDRESS);
  return { id, settings, secret: ann.gateway.accounts.secret(id) };
};

test("a password that the provider does not take changes nothing", async () => {
  const before = kept();
  const wrong = { kind: "password", password: "wrong" } as const;
  await expect(ann.gateway.change(ADDRESS, { secret: wrong })).rejects.toMatchObject({ code: "forbidden" });
  expect(kept()).toEqual(before);
  await ann.upToDate();
});

test("a new password is used at once, by an account that was refused before", async () => {
  const { id } = kept();
  ann.gateway.accounts.setSecret(id, { kind: "password", password: "outdated" });
  await ann.gateway.reload(ADDRESS);
  await ann.until("refused", () => ann.gateway.standings()[0]?.incoming.state.kind === "waiting");
  expect(await ann.gateway.change(ADDRESS, { secret: PASSWORD })).toMatchObject({ imap: { host: "127.0.0.1" } });
  await ann.upToDate();
  expect(kept()).toMatchObject({ id, secret: PASSWORD });
});

test("an account moves to another server, what it has fetched stays, and what need not be tried is not", async () => {
  const { id } = kept();
  await ann.gateway.change(ADDRESS, { settings: (before) => ({ ...before, imap: other.settings.imap }) });
  await ann.upToDate();
  expect(kept().settings.imap).toEqual(other.settings.imap);
  await other.stop();
  const tested = await ann.gateway.change(ADDRESS, {
    settings: (before) => ({ ...before, sentCopy: true, keeping: { kind: "delete", afterDays: 3 } }),
  });
  expect(tested).toBeUndefined();
  expect(kept()).toMatchObject({ id, settings: { sentCopy: true, keeping: { kind: "delete", afterDays: 3 } } });
  const gone = ann.gateway.change(ADDRESS, { settings: (before) => ({ ...before, user: "anna" }) });
  await expect(gone).rejects.toMatchObject({ code: "unavailable" });
  expect(kept().settings.user).toBe("ann");
  other = await SomeProvider.start();
});
