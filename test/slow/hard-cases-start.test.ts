import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ImapFlow } from "imapflow";
import { fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { type InitOutput, PosternServer, postern, posternJson, spawnPostern } from "../../rig/postern-process.ts";
import { TwoPeople } from "../end-to-end/two-people.ts";
import { times } from "./thorough.ts";

const KILLS = times(20);

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "postern-start-"));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** The content of every file below a directory. */
function contents(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(directory, name)).isFile(),
  );
  return Object.fromEntries(
    files.toSorted().map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(directory, name)))
        .digest("hex"),
    ]),
  );
}

test(`init killed ${KILLS} times at random moments: the next one works, or the home is whole`, async () => {
  const places = ["--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0"];
  const started = performance.now();
  await posternJson(scratch, "init", "--home", join(scratch, "unhurried"), ...places);
  const duration = performance.now() - started;
  const outcomes = { again: 0, whole: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    const home = join(scratch, `home-${kill}`);
    // Twice into the same home, for what an interrupted attempt leaves must not stop the next one either.
    for (let attempt = 0; attempt < 2; attempt++) {
      const child = spawnPostern(scratch, ["init", "--home", home, ...places]);
      const gone = once(child, "exit");
      // Most of what takes time before the first file is the start of the program.
      setTimeout(() => child.kill("SIGKILL"), duration * (0.4 + 0.6 * Math.random()));
      await gone;
    }
    const again = await postern(scratch, "init", "--home", home, ...places, "--json");
    if (again.status === 0) outcomes.again += 1;
    else {
      expect([again.status, again.stderr]).toEqual([7, expect.stringContaining("is a Postern home already")]);
      outcomes.whole += 1;
    }
    const added = await posternJson<{ appPassword: string }>(scratch, "app-password", "--home", home, "--name", "new");
    expect(added.appPassword).toMatch(/^[a-z2-7-]+$/);
  }
  console.log(`init takes ${Math.round(duration)} ms; after ${KILLS} kills`, outcomes);
}, 300_000);

test("init that was killed just before its last file goes through the next time, and keeps the user's own settings", async () => {
  const home = join(scratch, "home");
  mkdirSync(home);
  const own = '# my own words\n[imap]\nlisten = "127.0.0.1:0"\n[smtp]\nlisten = "127.0.0.1:0"\n';
  writeFileSync(join(home, "config.toml"), own);
  const first = await posternJson<InitOutput>(scratch, "init", "--home", home);
  rmSync(join(home, "vault.json"));
  const second = await posternJson<InitOutput>(scratch, "init", "--home", home);
  expect(second.address).not.toBe(first.address);
  expect(second.imap.host).toBe("127.0.0.1");
  expect(second.imap.port).toBeGreaterThan(0);
  expect(readFileSync(join(home, "config.toml.before-init"), "utf8")).toBe(own);
  expect(readdirSync(home).filter((name) => name.startsWith("interrupted-"))).toHaveLength(1);
  const server = await PosternServer.start(scratch, "run", "--home", home);
  expect(server.ready["vault"]).toBe("open");
  await server.stop();
}, 60_000);

/** Makes the home one that nothing opens at start, as after a boot without its secret. */
function forgetKeyFile({ home }: Person): void {
  const path = join(home, "config.toml");
  writeFileSync(path, readFileSync(path, "utf8").replace(/^key_file = .*$/m, ""));
}

test("a bridge that starts without any secret stays locked, opens by a mail program's login, and gets what waited", async () => {
  const people = await TwoPeople.meet();
  const { alice, bob } = people;
  try {
    await bob.stop();
    const smtp = alice.smtp();
    const raw = formatLetter({ From: alice.account.address, To: "bob@postern.alt", Subject: "while locked" }, "x\r\n");
    await sendRaw(smtp, { from: alice.account.address, to: "bob@postern.alt" }, raw);
    smtp.close();

    forgetKeyFile(bob);
    const running = await bob.start();
    expect(running.ready["vault"]).toBe("locked");
    expect(await bob.command("status")).toMatchObject({ running: true, vault: "locked" });
    for (const args of [["contacts"], ["invite"], ["app-password", "--name", "x"]]) {
      const [command = "", ...rest] = args;
      const refused = await postern(people.scratch, command, "--home", bob.home, ...rest);
      expect([command, refused.status]).toEqual([command, 4]);
      expect(refused.stderr).toMatch(/log in once with a mail program/);
    }

    const { host, port } = running.place("imap");
    const wrong = new ImapFlow({
      host,
      port,
      secure: true,
      auth: { user: bob.account.user, pass: alice.account.appPassword },
      tls: { ca: bob.certificateAuthority },
      logger: false,
    });
    await expect(wrong.connect()).rejects.toMatchObject({ authenticationFailed: true });
    expect(await bob.command("status")).toMatchObject({ vault: "locked" });

    const client = await bob.imap();
    await untilMessages(client, 1);
    const [message] = (await fetchAll(client)).values();
    expect(headerOf(message ?? Buffer.alloc(0))).toContain("Subject: while locked");
    await client.logout();
    expect(await bob.command("status")).toMatchObject({ vault: "open", contacts: 1 });

    await bob.stop();
    const again = await bob.start();
    const submission = bob.smtp();
    const reply = formatLetter(
      { From: bob.account.address, To: "alice@postern.alt", Subject: "opened by SMTP" },
      "x\r\n",
    );
    await sendRaw(submission, { from: bob.account.address, to: "alice@postern.alt" }, reply);
    submission.close();
    const reader = await alice.imap();
    await untilMessages(reader, 1);
    await reader.logout();
    // A vault that a login opened is closed in order too.
    await bob.stop();
    expect(again.log).not.toMatch(/"level":"error"/);
  } finally {
    await people.part();
  }
}, 120_000);

test("while nothing opens the vault, a command says what to do instead of asking", async () => {
  const home = join(scratch, "home");
  await posternJson(scratch, "init", "--home", home, "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0");
  const path = join(home, "config.toml");
  writeFileSync(path, readFileSync(path, "utf8").replace(/^key_file = .*$/m, ""));
  const refused = await postern(scratch, "contacts", "--home", home);
  expect(refused.status).toBe(4);
  expect(refused.stderr).toMatch(/^postern: [^\n]*locked[^\n]*config\.toml[^\n]*\n$/);
  expect((await postern(scratch, "status", "--home", home)).status).toBe(0);
}, 60_000);

test("a wrong passphrase, and a key file that is not there, give status 4, and nothing is wiped", async () => {
  const home = join(scratch, "home");
  const right = join(scratch, "right");
  const wrong = join(scratch, "wrong");
  writeFileSync(right, "the right passphrase\n", { mode: 0o600 });
  writeFileSync(wrong, "the wrong passphrase\n", { mode: 0o600 });
  const places = ["--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0"];
  await posternJson(scratch, "init", "--home", home, ...places, "--passphrase-file", right);
  const before = contents(home);

  const refused = await postern(scratch, "run", "--home", home, "--passphrase-file", wrong, "--json");
  expect(refused.status).toBe(4);
  expect(refused.stderr).toMatch(/does not open the vault; nothing was changed/);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: "locked" } });
  expect(refused.stdout + refused.stderr).not.toContain("wrong passphrase");
  const after = contents(home);
  for (const name of Object.keys(before))
    if (name !== "lock.db") expect([name, after[name]]).toEqual([name, before[name]]);

  const missing = await postern(scratch, "run", "--home", home, "--passphrase-file", join(scratch, "missing"));
  expect(missing.status).toBe(6);
  writeFileSync(right, "the right passphrase\r\n");
  const server = await PosternServer.start(scratch, "run", "--home", home);
  expect(server.ready["vault"]).toBe("open");
  await server.stop();

  const other = join(scratch, "other");
  const { keyFile } = await posternJson<{ keyFile: string }>(scratch, "init", "--home", other, ...places);
  const key = readFileSync(keyFile);
  rmSync(keyFile);
  const keyless = await postern(scratch, "run", "--home", other);
  expect(keyless.status).toBe(4);
  expect(keyless.stderr).toContain(keyFile);
  writeFileSync(keyFile, key, { mode: 0o600 });
  expect((await postern(scratch, "contacts", "--home", other)).status).toBe(0);
}, 120_000);

test("a damaged vault file stops the start with status 9 and stays as it is", async () => {
  const home = join(scratch, "home");
  await posternJson(scratch, "init", "--home", home, "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0");
  const vault = join(home, "vault.json");
  const whole = readFileSync(vault, "utf8");
  writeFileSync(vault, whole.slice(0, 300));
  for (const command of ["run", "status", "contacts"]) {
    const { status, stderr } = await postern(scratch, command, "--home", home);
    expect([command, status]).toEqual([command, 9]);
    expect(stderr).toMatch(/vault\.json is damaged/);
  }
  expect(readFileSync(vault, "utf8")).toBe(whole.slice(0, 300));
  writeFileSync(vault, whole);
  expect((await postern(scratch, "contacts", "--home", home)).status).toBe(0);
}, 60_000);

test("a state.db that is missing, cut to nothing or damaged is told as such with status 9, and a copy put back works", async () => {
  const home = join(scratch, "home");
  await posternJson(scratch, "init", "--home", home, "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0");
  const state = join(home, "state.db");
  const whole = readFileSync(state);
  const refused = async (why: RegExp) => {
    for (const command of ["run", "contacts"]) {
      const { status, stderr } = await postern(scratch, command, "--home", home);
      expect([command, status]).toEqual([command, 9]);
      expect(stderr).toMatch(why);
      expect(stderr).not.toMatch(/\n +at /);
    }
  };
  rmSync(state);
  await refused(/state\.db is missing/);
  expect(readdirSync(home)).not.toContain("state.db");
  writeFileSync(state, "");
  await refused(/state\.db holds no identity/);
  const damaged = Buffer.from(whole);
  damaged[1_000] = (damaged[1_000] ?? 0) ^ 1;
  for (const name of readdirSync(home)) if (name.startsWith("state.db-")) rmSync(join(home, name));
  writeFileSync(state, damaged);
  await refused(/state\.db is damaged/);
  expect(readFileSync(state).equals(damaged)).toBe(true);
  writeFileSync(state, whole);
  expect((await postern(scratch, "contacts", "--home", home)).status).toBe(0);
}, 90_000);

/** Starts `postern start` as a person would, and reads what it prints until a line fits. */
async function start(
  until: RegExp,
): Promise<{ printed: string; milliseconds: number; stop(): Promise<number | null> }> {
  const begun = performance.now();
  const child = spawnPostern(scratch, ["start"]);
  let printed = "";
  let stderr = "";
  child.stderr?.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (bytes: Buffer) => {
      printed += bytes.toString();
      if (until.test(printed)) resolve();
    });
    child.once("exit", (status) => reject(new Error(`ended with ${status}: ${stderr}`)));
  });
  return {
    printed,
    milliseconds: performance.now() - begun,
    async stop() {
      child.removeAllListeners("exit");
      const gone = once(child, "exit") as Promise<[number | null]>;
      child.kill("SIGTERM");
      return (await gone)[0];
    },
  };
}

test("`postern start` on an empty home asks nothing, and prints what the mail program needs and an invite", async () => {
  const first = await start(/It expires \S+\.\n/);
  const value = (name: string) => new RegExp(`^ +${name} +(\\S+)`, "m").exec(first.printed)?.[1] ?? "";
  const [host = "", port] = value("IMAP").split(":");
  expect(value("e-mail address")).toMatch(/^mail@[a-z2-7]{52}\.postern\.alt$/);
  expect(value("SMTP")).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(first.printed).toMatch(/^postern:[\w-]+$/m);
  expect(first.printed).toMatch(/█/);
  expect(first.printed).toMatch(/paper-key/);
  const client = new ImapFlow({
    host,
    port: Number(port),
    secure: true,
    auth: { user: value("user"), pass: value("password") },
    tls: { ca: readFileSync(value("certificate")) },
    logger: false,
  });
  await client.connect();
  expect((await client.list()).map(({ path }) => path)).toContain("INBOX");
  await client.logout();
  expect(await first.stop()).toBe(0);

  const second = await start(/^Ready: .*\n/m);
  console.log(
    `first start: invite after ${Math.round(first.milliseconds)} ms; second start: ready after ${Math.round(second.milliseconds)} ms`,
  );
  expect(second.printed).toMatch(/^Ready: IMAP 127\.0\.0\.1:\d+, SMTP 127\.0\.0\.1:\d+\.\n$/);
  expect(await second.stop()).toBe(0);
}, 60_000);

test("`postern start` whose relay cannot be reached serves all the same, and says that there is no invite yet", async () => {
  const secret = Buffer.alloc(32, 3).toString("base64url");
  const child = spawnPostern(scratch, [
    "start",
    "--imap",
    "127.0.0.1:0",
    "--smtp",
    "127.0.0.1:0",
    "--relay",
    `postern-relay://${secret}@127.0.0.1:9/${secret}`,
  ]);
  let stderr = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (bytes: Buffer) => {
      stderr += bytes.toString();
      if (stderr.includes("No invite yet")) resolve();
    });
    child.once("exit", (status) => reject(new Error(`ended with ${status}: ${stderr}`)));
  });
  expect(stderr).not.toContain(secret);
  const status = await posternJson<{ running: boolean; pendingInvites: number }>(scratch, "status");
  expect(status).toMatchObject({ running: true, vault: "open", pendingInvites: 1 });
  child.removeAllListeners("exit");
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  expect(await gone).toEqual([0, null]);
}, 60_000);
