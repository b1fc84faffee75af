import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { type GsaslOptions, gsasl } from "./gsasl.ts";
import { type MailAccount, mailAccount } from "./mail-account.ts";
import { Mbsync } from "./mbsync.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

const account = () => mailAccount(people.bob);
const logIn = async (options: Omit<GsaslOptions, "account" | "home"> & { readonly account?: MailAccount }) =>
  await gsasl({ account: account(), home: join(people.scratch, "gsasl"), ...options });

const UNBOUND = { mechanism: "SCRAM-SHA-256", channelBinding: false };
const BOUND = { mechanism: "SCRAM-SHA-256-PLUS" };

describe("while the vault is open", () => {
  test.each([UNBOUND, BOUND])(
    "GNU SASL logs in with %j, and trusts the server's proof",
    async (how) => {
      const { status, stdout } = await logIn(how);
      expect({ status, said: stdout.toString() }).toEqual({
        status: 0,
        said: expect.stringContaining("AUTHENTICATE completed"),
      });
      expect(stdout.toString()).not.toContain(account().password);
    },
    60_000,
  );

  test("each of several app passwords logs in, a wrong one does not", async () => {
    const added = await people.bob.command<{ appPassword: string }>("app-password", "--name", "desk");
    const another = { ...account(), password: added.appPassword };
    expect(await logIn({ ...BOUND, account: another })).toMatchObject({ status: 0 });
    const wrong = { ...account(), password: people.alice.account.appPassword };
    const { status, stdout } = await logIn({ ...BOUND, account: wrong });
    expect(status).not.toBe(0);
    expect(stdout.toString()).toContain("NO [AUTHENTICATIONFAILED]");
    expect(people.bob.bridge.log).not.toContain(wrong.password);
  }, 60_000);

  test("nobody can act for another", async () => {
    const { status, stdout } = await logIn({ ...BOUND, authorization: "alice" });
    expect(status).not.toBe(0);
    expect(stdout.toString()).toContain("NO [AUTHORIZATIONFAILED]");
    expect(await logIn({ ...BOUND, authorization: account().user })).toMatchObject({ status: 0 });
  }, 60_000);

  test("mbsync logs in by Cyrus SASL with SCRAM-SHA-256", async () => {
    const home = join(people.scratch, "mbsync-scram");
    const mbsync = new Mbsync({ account: account(), security: "tls", mechanism: "SCRAM-SHA-256", home });
    expect(await mbsync.sync()).toMatchObject({ status: 0 });
    expect(mbsync.folders()).toContain("INBOX");
  }, 120_000);
});

describe("while the vault is locked", () => {
  beforeEach(async () => {
    const { bob } = people;
    await bob.stop();
    const path = join(bob.home, "config.toml");
    writeFileSync(path, readFileSync(path, "utf8").replace(/^key_file = .*$/m, ""));
    expect((await bob.start()).ready["vault"]).toBe("locked");
  }, 60_000);

  test.each([UNBOUND, BOUND])(
    "a login of GNU SASL with %j opens it, a wrong password does not",
    async (how) => {
      const wrong = { ...account(), password: people.alice.account.appPassword };
      expect((await logIn({ ...how, account: wrong })).status).not.toBe(0);
      expect(await people.bob.command("status")).toMatchObject({ vault: "locked" });
      expect(await logIn(how)).toMatchObject({ status: 0 });
      expect(await people.bob.command("status")).toMatchObject({ vault: "open" });
    },
    60_000,
  );

  test("mbsync's login with SCRAM-SHA-256 opens it", async () => {
    const home = join(people.scratch, "mbsync-locked");
    const mbsync = new Mbsync({ account: account(), security: "tls", mechanism: "SCRAM-SHA-256", home });
    expect(await mbsync.sync()).toMatchObject({ status: 0 });
    expect(await people.bob.command("status")).toMatchObject({ vault: "open" });
  }, 120_000);
});
