import { readFile } from "node:fs/promises";
import { Failure } from "../../foundation/failure.ts";
import { parseAccountUrl } from "../../maildir/import/account/account-url.ts";
import type { AccountRequest, AccountResult, FolderResult } from "../../maildir/import/account/import-account.ts";
import type { ImportCommandOptions } from "./command/import.ts";
import type { Invocation } from "./command/options.ts";
import { interruptible } from "./interruption.ts";
import { readPassword } from "./password.ts";
import { showingProgress } from "./progress.ts";
import { withOperations } from "./with-operations.ts";

/** Octets of certificates: they travel to the running bridge in one request. */
const MAX_CA_FILE = 48 * 1024;

/** `postern import imaps://...`. The password is in no argument, no log and no answer. */
export async function importFromAccount(
  invocation: Invocation,
  source: string,
  options: ImportCommandOptions,
): Promise<void> {
  const { folder: named, ...server } = parseAccountUrl(source);
  const { folder: folders = [], into, ca: caFile, plaintext = false, dryRun = false } = options;
  if (plaintext && server.implicitTls)
    throw new Failure("invalid", "imaps:// is TLS: leave --plaintext away, or write imap://");
  if (named !== undefined && folders.length > 0)
    throw new Failure("invalid", "name folders in the URL or with --folder, not both");
  const ca = caFile === undefined ? undefined : await readCertificates(caFile);
  const { output } = invocation;
  const question = `Password of ${server.user} at ${server.host}: `;
  const request: AccountRequest = {
    ...server,
    password: await readPassword(question, options.passwordFile),
    folders: named === undefined ? folders : [named],
    plaintext,
    dryRun,
    ...(ca !== undefined && { ca }),
    ...(into !== undefined && { into }),
  };
  const result = await interruptible("what came so far is kept; the same command goes on from there", (signal) =>
    withOperations(invocation, (operations) =>
      showingProgress(output, (onProgress) => operations.importAccount(request, onProgress, signal)),
    ),
  );
  output.result(result, describeResult(result, dryRun));
  if (result.folders.some(({ error }) => error !== undefined) || result.failed > 0)
    throw new Failure(
      "unavailable",
      "not everything could be read from the server: the same command tries the rest again",
    );
}

async function readCertificates(path: string): Promise<string> {
  const pem = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Failure("nonexistent", `${path} cannot be read`, { cause });
  });
  if (!pem.includes("-----BEGIN CERTIFICATE-----") || pem.length > MAX_CA_FILE)
    throw new Failure("invalid", `${path} holds no certificate in PEM, or too many`);
  return pem;
}

/** A line for each folder, and one for all. */
export function describeResult(result: AccountResult, dryRun: boolean): string {
  const { folders, added, known, total, tooBig, failed } = result;
  const line = ({ from, to, messages, added: come, error }: FolderResult): string => {
    const where = from === to ? from : `${from} -> ${to}`;
    return `${String(come).padStart(8)} of ${String(messages).padEnd(8)}${where}${error === undefined ? "" : `  (${error})`}`;
  };
  const remarks = [
    known > 0 && `${known} were imported before`,
    tooBig > 0 && `${tooBig} are too big to be kept`,
    failed > 0 && `${failed} could not be read`,
  ].filter((remark) => remark !== false);
  const sum = `${added} of ${total} letters ${dryRun ? "would be fetched" : "added"}`;
  return [...folders.map(line), "", `${[sum, ...remarks].join("; ")}.`].join("\n");
}
