import { createHash, createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../foundation/durable-file.ts";
import { Failure } from "../foundation/failure.ts";
import { selfSignedCertificate, subjectPublicKeyInfo } from "./certificate.ts";

/** What makes a relay this relay: the key that clients pinned, and the token that lets them create queues. */
export interface RelayKeys {
  /** PEM. */
  readonly privateKey: string;
  /** PEM; made anew at each start, since only the key in it matters. */
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
  try {
    const key = createPrivateKey(privateKey);
    const pin = createHash("sha256").update(subjectPublicKeyInfo(key)).digest();
    return { privateKey, certificate: selfSignedCertificate(key), pin, token };
  } catch (error) {
    throw damaged("tls-key.pem", { cause: error });
  }
}

function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const content = make();
  await writeFileDurably(path, content);
  return content;
}

function damaged(file: string, options?: ErrorOptions): Failure {
  return new Failure(
    "damaged",
    `the relay's file ${file} is damaged: restore it from a backup, or remove it and give all contacts the new address`,
    options,
  );
}
