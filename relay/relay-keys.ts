import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../foundation/durable-file.ts";
import { errorCode, Failure } from "../foundation/failure.ts";
import { selfSignedCertificate, subjectPublicKeyInfo } from "./certificate.ts";

/** What makes a relay this relay: the key that clients pinned, and the token that lets them create queues. */
export interface RelayKeys {
  /** PEM. */
  readonly privateKey: string;
  /** PEM; only the key in it matters. */
  readonly certificate: string;
  /** SHA-256 of the key's SubjectPublicKeyInfo. */
  readonly pin: Buffer;
  readonly token: Buffer;
}

/** Reads both from the relay's directory, and makes there what is not there. @throws Failure("damaged") rather than replace one */
export async function loadRelayKeys(directory: string): Promise<RelayKeys> {
  const privateKey = await readOrMake(join(directory, "tls-key.pem"), newPrivateKey);
  const tokenText = await readOrMake(join(directory, "token"), () => `${randomBytes(32).toString("base64url")}\n`);
  const token = Buffer.from(tokenText.trim(), "base64url");
  if (token.length !== 32) throw damaged("token");
  const key = privateKeyOf(privateKey);
  const pin = createHash("sha256").update(subjectPublicKeyInfo(key)).digest();
  return { privateKey, certificate: await certificateOf(key, directory), pin, token };
}

function privateKeyOf(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
  } catch (error) {
    throw damaged("tls-key.pem", { cause: error });
  }
  throw damaged("tls-key.pem");
}

/** Kept beside the key, for making one slows the start; one that is unreadable or of another key is replaced. */
async function certificateOf(key: KeyObject, directory: string): Promise<string> {
  const path = join(directory, "tls-certificate.pem");
  const kept = await readIfThere(path);
  if (kept !== undefined && certifies(kept, key)) return kept;
  const made = await selfSignedCertificate(key);
  await writeFileDurably(path, made);
  return made;
}

function certifies(pem: string, key: KeyObject): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(key);
  } catch {
    return false;
  }
}

function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  const kept = await readIfThere(path);
  if (kept !== undefined) return kept;
  const content = make();
  await writeFileDurably(path, content);
  return content;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function damaged(file: string, options?: ErrorOptions): Failure {
  return new Failure(
    "damaged",
    `the relay's file ${file} is damaged: restore it from a backup, or remove it and give all contacts the new address`,
    options,
  );
}
