import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Database, WrongDatabaseKey } from "../../foundation/database.ts";
import { errorCode, Failure } from "../../foundation/failure.ts";
import { openVault } from "../../keyring/key-slots.ts";
import type { Vault } from "../../keyring/vault.ts";
import { readVaultFile, type VaultFile } from "../../keyring/vault-file.ts";
import { checkMail, type MailProblem } from "../../maildir/check.ts";
import type { Config } from "../config.ts";
import { exists, type HomePaths } from "./home.ts";
import { MAILDIR_KEY_LABEL, stateKey } from "./state.ts";
import { configuredSecret } from "./vault-gate.ts";

/** Something that a person should know of a home. */
export interface Finding {
  /** `error`: mail or the account suffers; `warning`: it works all the same. */
  readonly level: "error" | "warning";
  readonly what: string;
  /** What to do, where it is known. */
  readonly advice?: string;
}

export interface Diagnosis {
  readonly home: string;
  /** Absent where the index could not be read. */
  readonly mailboxes?: number;
  readonly letters?: number;
  readonly findings: readonly Finding[];
  /** Where index and files differ, one by one. */
  readonly problems: readonly MailProblem[];
}

export type Progress = (progress: { readonly done: number; readonly total: number }) => void;

export interface ExamineOptions {
  readonly paths: HomePaths;
  readonly config: Config;
  /** Reads every letter to its end. */
  readonly deep: boolean;
  readonly onProgress: Progress;
}

const REBUILD = "postern doctor --rebuild makes the index anew from the files";

/** The home's vault, opened by what the settings name. @throws Failure nonexistent, locked, damaged */
export async function openConfiguredVault(
  paths: HomePaths,
  config: Config,
): Promise<{ readonly file: VaultFile; readonly vault: Vault }> {
  const file = await readVaultFile(paths.vault);
  if (file === undefined) throw new Failure("nonexistent", `there is no vault in ${paths.home}`);
  const secret = await configuredSecret(config);
  if (secret === undefined)
    throw new Failure(
      "locked",
      "the vault is locked: name a passphrase or key file with --passphrase-file or in config.toml",
    );
  const vault = await openVault(file, secret);
  if (vault === undefined)
    throw new Failure("locked", "the passphrase or key file does not open the vault; nothing was changed");
  return { file, vault };
}

/** Looks at all that a home consists of, while no bridge runs on it; the caller holds its lock. Repairs nothing. */
export async function examineHome(options: ExamineOptions): Promise<Diagnosis> {
  const { paths, config } = options;
  const { vault } = await openConfiguredVault(paths, config);
  try {
    const findings = [...(await checkModes(paths)), ...(await checkTls(paths)), ...(await checkRelay(paths, config))];
    return await examineState(options, vault, findings);
  } finally {
    vault.close();
  }
}

async function examineState(
  { paths, deep, onProgress }: ExamineOptions,
  vault: Vault,
  findings: Finding[],
): Promise<Diagnosis> {
  const nothing = { home: paths.home, findings, problems: [] };
  if (!(await exists(paths.state))) {
    findings.push({ level: "error", what: "state.db is missing", advice: REBUILD });
    return nothing;
  }
  let db: Database | undefined;
  try {
    db = new Database(paths.state, stateKey(vault));
    const said = db.sqlite.pragma("quick_check", { simple: true });
    if (said !== "ok") throw Object.assign(new Error(String(said)), { code: "SQLITE_CORRUPT" });
    if (!hasIdentity(db))
      findings.push({
        level: "error",
        what: "state.db holds no identity",
        advice: "postern doctor --rebuild --paper-key-file FILE makes it anew from the 24 words",
      });
    const mail = await checkMail({
      db,
      home: paths.home,
      vaultKey: vault.derive(MAILDIR_KEY_LABEL),
      deep,
      onProgress,
    });
    findings.push(...mailFindings(mail.problems));
    return { home: paths.home, findings, ...mail };
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.push({ level: "error", what: "state.db is damaged", advice: REBUILD });
    return nothing;
  } finally {
    db?.close();
  }
}

/** What opening or reading a database says of one that is damaged; not what a full or failing disk says. */
export function isDamage(error: unknown): boolean {
  return error instanceof WrongDatabaseKey || /^SQLITE_(CORRUPT|NOTADB)/.test(errorCode(error));
}

export function hasIdentity({ sqlite }: Database): boolean {
  const has = (table: string): boolean =>
    sqlite.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table) !== undefined &&
    sqlite.prepare(`SELECT 1 FROM ${table}`).get() !== undefined;
  return has("identity");
}

const MAIL_FINDINGS: Readonly<Record<MailProblem["kind"], Finding>> = {
  missing: { level: "error", what: "letters whose file is missing", advice: "a copy of the home may have the files" },
  damaged: { level: "error", what: "letters whose file is damaged", advice: "a copy of the home may have the files" },
  unlisted: { level: "warning", what: "files that no mailbox names", advice: REBUILD },
  misnamed: { level: "warning", what: "files whose names tell old flags", advice: "reading the letters puts it right" },
  undescribed: { level: "warning", what: "folders that tell an old name", advice: "the next start puts it right" },
};

function mailFindings(problems: readonly MailProblem[]): Finding[] {
  return Object.entries(MAIL_FINDINGS).flatMap(([kind, finding]) => {
    const count = problems.filter((problem) => problem.kind === kind).length;
    return count === 0 ? [] : { ...finding, what: `${count} ${finding.what}` };
  });
}

/** Others of this machine must not read what is secret. */
async function checkModes(paths: HomePaths): Promise<Finding[]> {
  const open: string[] = [];
  for (const path of [paths.home, paths.vault, paths.state, paths.tlsKey, join(paths.home, "mail")])
    if ((await exists(path)) && ((await stat(path)).mode & 0o077) !== 0) open.push(path);
  return open.map((path) => ({
    level: "warning",
    what: `others may read ${path}`,
    advice: `chmod go= ${path}`,
  }));
}

async function checkTls(paths: HomePaths): Promise<Finding[]> {
  try {
    const certificate = new X509Certificate(await readFile(paths.tlsCertificate));
    const authority = new X509Certificate(await readFile(paths.authority));
    const advice = "the next start with an open vault makes a new one";
    if (!certificate.checkPrivateKey(createPrivateKey(await readFile(paths.tlsKey))))
      return [{ level: "error", what: "the fronts' certificate is not of the key beside it", advice }];
    if (Date.parse(certificate.validTo) < Date.now())
      return [{ level: "error", what: "the fronts' certificate has ended", advice }];
    if (!certificate.verify(authority.publicKey))
      return [{ level: "error", what: "the fronts' certificate is not of the authority beside it", advice }];
    return [];
  } catch {
    return [{ level: "error", what: "a file in tls/ is missing or damaged", advice: "bring it back from a copy" }];
  }
}

async function checkRelay(paths: HomePaths, config: Config): Promise<Finding[]> {
  const path = join(paths.relay, "relay.db");
  if (config.relayUrl !== undefined || !(await exists(path))) return [];
  try {
    const db = new Database(path, undefined, { syncAtCommit: true });
    try {
      if (db.sqlite.pragma("quick_check", { simple: true }) === "ok") return [];
    } finally {
      db.close();
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const advice = "contacts reach you again once each has accepted a new invite";
  return [{ level: "error", what: "the own relay's database is damaged", advice }];
}
