import { open } from "node:fs/promises";
import type { Command } from "commander";
import { renderUnicodeCompact } from "uqr";
import { errorCode, Failure, storageFailure } from "../../../foundation/failure.ts";
import { wordsToSeed } from "../../../keyring/paper-key.ts";
import { recoveryIdentity } from "../../../keyring/recovery-identity.ts";
import { readVaultFile } from "../../../keyring/vault-file.ts";
import { readPaperWords } from "../paper-words.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions, type Invocation } from "./options.ts";

interface PaperKeyOptions extends CommonOptions {
  readonly forget?: boolean;
  readonly pdf?: string;
  readonly png?: string;
  readonly check?: boolean;
  readonly renew?: boolean;
  readonly wordsFile?: string;
}

export function addPaperKeyCommand(program: Command): void {
  addCommand<PaperKeyOptions>(
    program,
    "paper-key",
    "Show the 24 words that are your identity, to be written on paper; `--forget` then takes them off this machine.",
    [
      "postern paper-key",
      "postern paper-key --pdf paper-key.pdf   # to be printed, then erased",
      "postern paper-key --check               # type the words from the paper",
      "postern paper-key --forget",
    ],
    (command) =>
      command
        .option("--pdf <file>", "write a page with the words and their QR code, to be printed")
        .option("--png <file>", "write the words' QR code as a picture")
        .option("--check", "type the words back: whether the paper is right")
        .option("--renew", "certify this installation for another year, as is asked for in time")
        .option("--words-file <file>", "with --check and --renew: a file that holds the words")
        .option("--forget", "erase the words from the vault, once they are on paper"),
    async (invocation, { forget = false, pdf, png, check = false, renew = false, wordsFile }) => {
      const asked = [forget, pdf !== undefined || png !== undefined, check, renew].filter((one) => one);
      if (asked.length > 1) throw new Failure("invalid", "write the sheet, check it and forget the words one by one");
      if (wordsFile !== undefined && !check && !renew)
        throw new Failure("invalid", "--words-file goes with --check and --renew");
      if (renew) return await renewAdminKey(invocation, wordsFile);
      if (check) return await checkPaper(invocation, wordsFile);
      if (forget) return await forgetWords(invocation);
      if (pdf !== undefined || png !== undefined) return await writeSheets(invocation, pdf, png);
      await showWords(invocation);
    },
  );
}

async function renewAdminKey(invocation: Invocation, file: string | undefined): Promise<void> {
  const done = await withOperations(invocation, async (operations) => {
    const { paperKeyKept = false } = await operations.status();
    const words = paperKeyKept && file === undefined ? undefined : await readPaperWords(file);
    return await operations.renewAdminKey(words === undefined ? {} : { words });
  });
  invocation.output.result(done, `This installation is certified until ${done.renewedUntil}; your contacts are told.`);
}

async function forgetWords(invocation: Invocation): Promise<void> {
  const done = await withOperations(invocation, (operations) => operations.forgetPaperKey());
  invocation.output.result(done, "The paper key is no longer on this machine. Only the paper has it now.");
}

async function showWords(invocation: Invocation): Promise<void> {
  const key = await withOperations(invocation, (operations) => operations.paperKey());
  const words = key.words.split(" ");
  const rows = Array.from({ length: 6 }, (_, row) =>
    [0, 6, 12, 18]
      .map((column) => `${String(row + column + 1).padStart(2)} ${(words[row + column] ?? "").padEnd(10)}`)
      .join(" "),
  );
  invocation.output.result(
    key,
    [
      "Your paper key. Write it down or print it, keep it where you keep a passport, and show it to nobody:",
      "it revokes lost devices, recovers the identity, and opens every stored letter.",
      "",
      ...rows,
      "",
      renderUnicodeCompact(key.words, { ecc: "L", border: 2 }),
      "",
      "The same key as the age tool takes it (age -d -i FILE letter), if Postern should ever be gone:",
      key.recoveryIdentity,
      "",
      ...describeRelays(key),
    ].join("\n"),
  );
}

function describeRelays({ relays, relayIsHere }: { relays: string[]; relayIsHere: boolean }): string[] {
  return [
    "Write down beside it where your contacts are found again, on a new machine, with postern recover --relay ...:",
    ...relays,
    ...(relayIsHere && relays.length === 1
      ? [
          "That relay is this machine itself: if it is lost, so are the contacts. A relay elsewhere, or a spare one, keeps them.",
        ]
      : []),
  ];
}

/** The files are readable by their owner alone, and nothing is written over. */
async function writeSheets(invocation: Invocation, pdf: string | undefined, png: string | undefined): Promise<void> {
  const key = await withOperations(invocation, (operations) => operations.paperKey());
  const { paperSheetPdf, paperSheetPng } = await import("../paper-sheet.ts");
  if (pdf !== undefined) await writeNew(pdf, await paperSheetPdf(key));
  if (png !== undefined) await writeNew(png, paperSheetPng(key));
  const written = [pdf, png].filter((path) => path !== undefined);
  invocation.output.result(
    { written },
    `Written: ${written.join(", ")}. Print it, erase the file, and try the paper with: postern paper-key --check`,
  );
}

async function writeNew(path: string, content: Buffer): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((cause: unknown) => {
    if (errorCode(cause) === "EEXIST") throw new Failure("already-exists", `there is a file ${path}: name another one`);
    throw storageFailure(cause);
  });
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function checkPaper(invocation: Invocation, file: string | undefined): Promise<void> {
  const { paths, output } = invocation;
  const vault = await readVaultFile(paths.vault);
  if (vault === undefined) throw new Failure("nonexistent", `there is no home at ${paths.home}`);
  const words = await readPaperWords(file);
  const seed = wordsToSeed(words);
  if (seed === undefined)
    throw new Failure(
      "invalid",
      "these are not 24 words of a paper key: one is misspelt, missing, or in the wrong place",
    );
  if (recoveryIdentity(seed).recipient !== vault.recoveryRecipient)
    throw new Failure("forbidden", "this is a paper key, but not the one of this home");
  // A home that has forgotten its words before there were recovery records gets what writes them.
  const { kept } = await withOperations(invocation, (operations) => operations.keepRecoveryRecord({ words }));
  output.result(
    { right: true, ...(kept && { recoveryRecord: true }) },
    `The paper is right: these are the words of this home's identity.${kept ? "\nFrom now on your relay keeps the recovery record (postern recover)." : ""}`,
  );
}
