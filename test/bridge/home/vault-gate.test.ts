import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { imapAuthenticator, smtpAuthenticator, type Unlocked } from "../../../bridge/authenticators.ts";
import { DEFAULT_CONFIG } from "../../../bridge/config.ts";
import { type HomePaths, homePaths } from "../../../bridge/home/home.ts";
import { configuredSecret, readPassphraseFile, VaultGate } from "../../../bridge/home/vault-gate.ts";
import { Failure } from "../../../foundation/failure.ts";
import { newAppPassword } from "../../../keyring/app-password.ts";
import { createKeyFile } from "../../../keyring/key-file.ts";
import { addSlot, createVault } from "../../../keyring/key-slots.ts";
import { recoveryIdentity } from "../../../keyring/recovery-identity.ts";
import { scramKeys } from "../../../keyring/scram.ts";
import { formatVaultFile, parseVaultFile, writeVaultFile } from "../../../keyring/vault-file.ts";

const PASSPHRASE = "a passphrase of some length";
const APP_PASSWORD = newAppPassword(randomBytes);
const WRONG_APP_PASSWORD = newAppPassword(randomBytes);

let paths: HomePaths;
let entered: string[];

beforeEach(async () => {
  paths = homePaths(mkdtempSync(join(tmpdir(), "postern-gate-")));
  entered = [];
  const options = { random: randomBytes, now: Date.now() };
  const cost = { memory: 1024, passes: 1, lanes: 1 };
  const slot = { kind: "passphrase", passphrase: PASSPHRASE, cost } as const;
  const { file, vault } = await createVault(recoveryIdentity(randomBytes(32)).recipient, "passphrase", slot, options);
  const password = { kind: "app-password", password: APP_PASSWORD } as const;
  await writeVaultFile(paths.vault, await addSlot(file, vault, "first", password, options));
});
afterEach(() => rmSync(paths.home, { recursive: true }));

/** A gate behind which there is the vault's own id. */
const load = () =>
  VaultGate.load(paths, async (vault) => {
    entered.push(vault.id);
    return vault.id;
  });

describe("while it is locked", () => {
  test("nothing is behind it, and what needs it is told so", async () => {
    const gate = await load();
    expect(gate.inside).toBeUndefined();
    expect(() => gate.require()).toThrow(expect.objectContaining({ code: "locked" }));
    await expect(gate.addAppPassword("x")).rejects.toMatchObject({ code: "locked" });
    await expect(gate.removeAppPassword("first")).rejects.toMatchObject({ code: "locked" });
    expect(entered).toEqual([]);
  });

  test("a mail program's login opens it, however the password was typed", async () => {
    const gate = await load();
    const inside = await gate.login(` ${APP_PASSWORD.toUpperCase().replaceAll("-", " ")}`);
    expect(inside).toBe(entered[0]);
    expect(gate.require()).toBe(inside);
  });

  test("a wrong password leaves it locked and the vault's file as it was", async () => {
    const before = readFileSync(paths.vault);
    const gate = await load();
    for (const password of [WRONG_APP_PASSWORD, "", "guess", PASSPHRASE, "x".repeat(100_000)])
      expect(await gate.login(password)).toBeUndefined();
    expect(gate.inside).toBeUndefined();
    expect(readFileSync(paths.vault)).toEqual(before);
  });

  test("several programs that log in at once open it once", async () => {
    const gate = await load();
    const logins = [APP_PASSWORD, WRONG_APP_PASSWORD, APP_PASSWORD, APP_PASSWORD].map((password) =>
      gate.login(password),
    );
    const inside = (await Promise.all(logins)).map((value) => value !== undefined);
    expect(inside).toEqual([true, false, true, true]);
    expect(entered).toHaveLength(1);
  });

  test("the passphrase opens it; a wrong one is named as such, and nothing is wiped", async () => {
    const before = readFileSync(paths.vault);
    const gate = await load();
    await expect(gate.unlock({ passphrase: "not the passphrase" })).rejects.toMatchObject({
      code: "locked",
      message: expect.stringMatching(/does not open the vault; nothing was changed/),
    });
    expect(await gate.unlock({ passphrase: PASSPHRASE })).toBe(entered[0]);
    expect(readFileSync(paths.vault)).toEqual(before);
  });

  test("what is behind may fail to open, and the next login tries again", async () => {
    let tries = 0;
    const gate = await VaultGate.load(paths, async () => {
      tries += 1;
      if (tries === 1) throw new Failure("full", "the disk is full");
      return "inside";
    });
    await expect(gate.login(APP_PASSWORD)).rejects.toMatchObject({ code: "full" });
    expect(gate.inside).toBeUndefined();
    expect(await gate.login(APP_PASSWORD)).toBe("inside");
  });
});

describe("once it is open", () => {
  test("a wrong password is still wrong", async () => {
    const gate = await load();
    await gate.unlock({ passphrase: PASSPHRASE });
    expect(await gate.login(WRONG_APP_PASSWORD)).toBeUndefined();
    expect(await gate.login(APP_PASSWORD)).toBe(entered[0]);
    expect(entered).toHaveLength(1);
  });

  test("a new app password works at once, after a restart, and stands nowhere in the home", async () => {
    const gate = await load();
    await gate.unlock({ passphrase: PASSPHRASE });
    const password = await gate.addAppPassword("phone");
    expect(await gate.login(password)).toBe(entered[0]);
    expect(gate.appPasswordNames()).toEqual(["first", "phone"]);
    expect(await (await load()).login(password)).toBe(entered[0]);
    for (const name of readdirSync(paths.home))
      expect(readFileSync(join(paths.home, name), "utf8")).not.toContain(password);
  });

  test("names of app passwords are unique and bounded", async () => {
    const gate = await load();
    await gate.unlock({ passphrase: PASSPHRASE });
    await expect(gate.addAppPassword("first")).rejects.toMatchObject({ code: "already-exists" });
    await expect(gate.addAppPassword("two\nlines")).rejects.toMatchObject({ code: "invalid" });
    await expect(gate.addAppPassword("")).rejects.toMatchObject({ code: "invalid" });
  });

  test("an app password that is taken back opens nothing any more, here or after a restart", async () => {
    const gate = await load();
    await gate.unlock({ passphrase: PASSPHRASE });
    await gate.removeAppPassword("first");
    expect(await gate.login(APP_PASSWORD)).toBeUndefined();
    expect(await (await load()).login(APP_PASSWORD)).toBeUndefined();
    expect(gate.appPasswordNames()).toEqual([]);
  });

  test("only app passwords can be taken back as such: not the passphrase, not what is not there", async () => {
    const gate = await load();
    await gate.unlock({ passphrase: PASSPHRASE });
    await expect(gate.removeAppPassword("passphrase")).rejects.toMatchObject({ code: "nonexistent" });
    await expect(gate.removeAppPassword("phone")).rejects.toMatchObject({ code: "nonexistent" });
    expect(await (await load()).unlock({ passphrase: PASSPHRASE })).toBe(entered[0]);
  });

  test("passwords that are added at the same time are all kept", async () => {
    const gate = await load();
    await gate.unlock({ passphrase: PASSPHRASE });
    await Promise.all(["a", "b", "c", "d"].map((name) => gate.addAppPassword(name)));
    expect((await load()).appPasswordNames()).toEqual(["first", "a", "b", "c", "d"]);
  });
});

describe("the vault's file", () => {
  test("that is not there is a home that is not there", async () => {
    rmSync(paths.vault);
    await expect(load()).rejects.toMatchObject({
      code: "nonexistent",
      message: expect.stringContaining("postern init"),
    });
  });

  test.each(["", "{}", "half"])("that is damaged is told as such, and is not wiped: %j", async (how) => {
    const text = readFileSync(paths.vault, "utf8");
    const damaged = how === "half" ? text.slice(0, text.length / 2) : how;
    writeFileSync(paths.vault, damaged);
    await expect(load()).rejects.toMatchObject({ code: "damaged" });
    expect(readFileSync(paths.vault, "utf8")).toBe(damaged);
    expect(readdirSync(paths.home)).toEqual(["vault.json"]);
  });

  test("that somebody without its key changed is told as such at login, not as a wrong password", async () => {
    const value = JSON.parse(readFileSync(paths.vault, "utf8")) as Record<string, unknown>;
    const other = recoveryIdentity(randomBytes(32)).recipient;
    const file = parseVaultFile(JSON.stringify(value));
    writeFileSync(paths.vault, formatVaultFile({ ...file, recoveryRecipient: other }));
    const gate = await load();
    await expect(gate.login(APP_PASSWORD)).rejects.toMatchObject({ code: "damaged" });
    expect(entered).toEqual([]);
  });
});

describe("a login with SCRAM", () => {
  /** What a client sends that knows the password. */
  async function proofOf(gate: VaultGate<unknown>, password: string, authMessage = "an exchange") {
    const { clientKey, storedKey, serverKey } = await scramKeys(password, gate.scram.salt, gate.scram.iterations);
    const signature = createHmac("sha256", storedKey).update(authMessage).digest();
    const proof = clientKey.map((octet, index) => octet ^ (signature[index] ?? 0));
    return { proof, serverSignature: createHmac("sha256", serverKey).update(authMessage).digest() };
  }

  test("opens a locked vault as the password itself does, and proves the server", async () => {
    const gate = await load();
    const { proof, serverSignature } = await proofOf(gate, APP_PASSWORD);
    expect(await gate.loginWithProof("an exchange", proof)).toEqual({ inside: entered[0], serverSignature });
    expect(gate.require()).toBe(entered[0]);
    expect(await gate.loginWithProof("an exchange", proof)).toEqual({ inside: entered[0], serverSignature });
    expect(entered).toHaveLength(1);
  });

  test("works with each of several app passwords, until that one is taken back", async () => {
    const gate = await load();
    await gate.unlock({ passphrase: PASSPHRASE });
    const passwords = [APP_PASSWORD, await gate.addAppPassword("phone"), await gate.addAppPassword("desk")];
    for (const password of passwords) {
      const { proof, serverSignature } = await proofOf(gate, password);
      expect(await gate.loginWithProof("an exchange", proof)).toEqual({ inside: entered[0], serverSignature });
      const again = await load();
      expect(await again.loginWithProof("an exchange", proof)).toMatchObject({ serverSignature });
    }
    await gate.removeAppPassword("phone");
    const { proof } = await proofOf(gate, passwords[1] ?? "");
    expect(await gate.loginWithProof("an exchange", proof)).toBeUndefined();
    expect(await (await load()).loginWithProof("an exchange", proof)).toBeUndefined();
  });

  test("with a wrong proof, or one for another exchange, opens nothing", async () => {
    const gate = await load();
    const { proof } = await proofOf(gate, APP_PASSWORD);
    const { proof: wrong } = await proofOf(gate, WRONG_APP_PASSWORD);
    const flipped = Uint8Array.from(proof, (octet, index) => (index === 31 ? octet ^ 1 : octet));
    for (const bad of [wrong, flipped, proof.subarray(1), Buffer.concat([proof, Buffer.of(0)]), Buffer.alloc(0)])
      expect(await gate.loginWithProof("an exchange", bad)).toBeUndefined();
    expect(await gate.loginWithProof("another exchange", proof)).toBeUndefined();
    expect(gate.inside).toBeUndefined();
    await gate.unlock({ passphrase: PASSPHRASE });
    expect(await gate.loginWithProof("an exchange", wrong)).toBeUndefined();
  });

  test("is told that the vault's file was changed by somebody without its key", async () => {
    const file = parseVaultFile(readFileSync(paths.vault, "utf8"));
    const slots = file.slots.map((slot) =>
      slot.kind === "app-password" ? { ...slot, serverKey: randomBytes(32) } : slot,
    );
    writeFileSync(paths.vault, formatVaultFile({ ...file, slots }));
    const gate = await load();
    const { proof } = await proofOf(gate, APP_PASSWORD);
    await expect(gate.loginWithProof("an exchange", proof)).rejects.toMatchObject({ code: "damaged" });
    expect(entered).toEqual([]);
  });

  test("needs the right user too", async () => {
    const gate = await VaultGate.load(paths, async () => ({
      account: { isUser: (name: string): boolean => name === "ann" } as Unlocked["account"],
      mailStore: { of: "imap" } as unknown as Unlocked["mailStore"],
      submissionSink: {} as Unlocked["submissionSink"],
    }));
    const { proof, serverSignature } = await proofOf(gate, APP_PASSWORD);
    const { scram } = imapAuthenticator(gate);
    expect(await scram?.login("ann", "an exchange", proof)).toEqual({ store: { of: "imap" }, serverSignature });
    expect(await scram?.login("eve", "an exchange", proof)).toBeUndefined();
  });
});

describe("a login through a front", () => {
  const unlocked = (user: string) =>
    VaultGate.load(paths, async () => ({
      account: { isUser: (name: string) => name === user } as Unlocked["account"],
      mailStore: { of: "imap" } as unknown as Unlocked["mailStore"],
      submissionSink: { of: "smtp" } as unknown as Unlocked["submissionSink"],
    }));

  test("needs the right user and the right password", async () => {
    const gate = await unlocked("ann");
    expect(await imapAuthenticator(gate).login("ann", APP_PASSWORD)).toEqual({ of: "imap" });
    expect(await smtpAuthenticator(gate).login("ann", APP_PASSWORD)).toEqual({ of: "smtp" });
    for (const authenticator of [imapAuthenticator(gate), smtpAuthenticator(gate)]) {
      expect(await authenticator.login("eve", APP_PASSWORD)).toBeUndefined();
      expect(await authenticator.login("ann", WRONG_APP_PASSWORD)).toBeUndefined();
    }
  });

  test("that cannot be judged now is no wrong password: 454 from SMTP, the failure itself for IMAP", async () => {
    const gate = await VaultGate.load<Unlocked>(paths, async () => {
      throw new Failure("unavailable", "not now");
    });
    await expect(smtpAuthenticator(gate).login("ann", APP_PASSWORD)).rejects.toMatchObject({
      code: 454,
      enhanced: "4.7.0",
    });
    await expect(imapAuthenticator(gate).login("ann", APP_PASSWORD)).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("the secret that the settings name", () => {
  test("is none, a passphrase file's first line, or a key file's key", async () => {
    expect(await configuredSecret(DEFAULT_CONFIG)).toBeUndefined();
    const passphraseFile = join(paths.home, "passphrase");
    writeFileSync(passphraseFile, `${PASSPHRASE}\r\nsecond line\n`);
    expect(await configuredSecret({ ...DEFAULT_CONFIG, passphraseFile })).toEqual({ passphrase: PASSPHRASE });
    const keyFile = join(paths.home, "key");
    const key = await createKeyFile(keyFile, randomBytes);
    expect(await configuredSecret({ ...DEFAULT_CONFIG, keyFile })).toEqual({ keyFile: key });
  });

  test("that is not there is named by its file", async () => {
    const missing = join(paths.home, "missing");
    await expect(readPassphraseFile(missing)).rejects.toMatchObject({
      code: "nonexistent",
      message: expect.stringContaining(missing),
    });
    const secret = configuredSecret({ ...DEFAULT_CONFIG, keyFile: missing });
    await expect(secret).rejects.toMatchObject({ code: "locked", message: expect.stringContaining(missing) });
  });

  test("may not be empty", async () => {
    const file = join(paths.home, "empty");
    writeFileSync(file, "\nsecond line");
    await expect(readPassphraseFile(file)).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining(file),
    });
  });
});
