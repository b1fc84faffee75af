import type { Command } from "commander";
import { readConfig } from "../../config.ts";
import { type Diagnosis, examineHome } from "../../home/doctor.ts";
import { lockHome, requireHome } from "../../home/home.ts";
import { type RebuiltHome, rebuildHome } from "../../home/rebuild-home.ts";
import { EXIT_STATUS, type Output } from "../output.ts";
import { addCommand, type CommonOptions } from "./options.ts";

/** Single files that the text for a person names; --json names all. */
const PROBLEMS_SHOWN = 20;

interface DoctorOptions extends CommonOptions {
  readonly deep?: boolean;
  readonly rebuild?: boolean;
  readonly passphraseFile?: string;
  readonly paperKeyFile?: string;
}

export function addDoctorCommand(program: Command): void {
  addCommand<DoctorOptions>(
    program,
    "doctor",
    "Check a home while its bridge is stopped: vault, database, letters' files, certificate, relay. With --rebuild, make a lost or damaged index of the mail anew from the files; nothing is thrown away.",
    ["postern doctor", "postern doctor --deep --json", "postern doctor --rebuild --paper-key-file ~/words.txt"],
    (command) =>
      command
        .option("--deep", "read every letter to its end, instead of only looking for its file")
        .option("--rebuild", "make the index anew; the state.db from before is kept beside it")
        .option("--passphrase-file <file>", "a file whose first line is the passphrase of the vault")
        .option("--paper-key-file <file>", "a file with the 24 words, for a home that lost its identity too"),
    async ({ paths, output }, { deep = false, rebuild = false, passphraseFile, paperKeyFile }) => {
      await requireHome(paths);
      const lock = lockHome(paths);
      try {
        const config = { ...(await readConfig(paths.home)), ...(passphraseFile !== undefined && { passphraseFile }) };
        const onProgress = showProgress(output);
        if (rebuild) {
          const words = paperKeyFile === undefined ? {} : { paperKeyFile };
          const rebuilt = await rebuildHome({ paths, config, onProgress, ...words });
          output.result(rebuilt, describeRebuilt(rebuilt));
          if (rebuilt.account === "lost" || rebuilt.unreadable.length > 0) process.exitCode = EXIT_STATUS.damaged;
          return;
        }
        const diagnosis = await examineHome({ paths, config, deep, onProgress });
        output.result(diagnosis, describeDiagnosis(diagnosis));
        if (diagnosis.findings.some(({ level }) => level === "error")) process.exitCode = EXIT_STATUS.damaged;
      } finally {
        lock.release();
      }
    },
  );
}

function showProgress(output: Output): (progress: { readonly done: number; readonly total: number }) => void {
  const started = Date.now();
  return ({ done, total }) => {
    const rate = done / Math.max(0.001, (Date.now() - started) / 1000);
    output.progress(`${done} letters of ${total}, ${Math.ceil((total - done) / Math.max(1, rate))} s left`);
  };
}

function describeDiagnosis({ home, letters, mailboxes, findings, problems }: Diagnosis): string {
  const counted = letters === undefined ? "" : ` ${letters} letters in ${mailboxes} mailboxes.`;
  if (findings.length === 0) return `${home} is whole.${counted}`;
  const lines = findings.map(
    ({ level, what, advice }) => `${level}: ${what}${advice === undefined ? "" : `; ${advice}`}`,
  );
  const shown = problems.slice(0, PROBLEMS_SHOWN).map(({ kind, path, mailbox, uid }) => {
    const where = mailbox === undefined ? "" : ` (${mailbox}${uid === undefined ? "" : `, UID ${uid}`})`;
    return `  ${kind} ${path}${where}`;
  });
  const more = problems.length - shown.length;
  return [`${home}:${counted}`, ...lines, ...shown, ...(more > 0 ? [`  and ${more} more; --json names all`] : [])].join(
    "\n",
  );
}

const ACCOUNT: Readonly<Record<RebuiltHome["account"], string>> = {
  kept: "Address, contacts and letters that wait are as before.",
  restored:
    "The address is as before, made anew from the paper key. Contacts, letters that waited and the fronts' certificate are " +
    "lost: trust the new certificate in the mail program, remove each other from the contacts and accept new invites.",
  lost:
    "The identity is lost with the state.db from before, so the bridge does not start: give the 24 words with " +
    "--rebuild --paper-key-file FILE, or bring back a copy of state.db.",
};

function describeRebuilt({ mailboxes, letters, unreadable, renamed, account, setAside }: RebuiltHome): string {
  return [
    `The index was made anew: ${letters} letters in ${mailboxes} mailboxes. Mail programs will fetch them again; keywords other than the standard flags are lost.`,
    ACCOUNT[account],
    ...(setAside === undefined
      ? []
      : [`The state.db from before is ${setAside}; never put it back once letters were sent.`]),
    ...(renamed.length === 0 ? [] : [`Mailboxes whose names could not be read: ${renamed.join(", ")}`]),
    ...(unreadable.length === 0 ? [] : [`${unreadable.length} files do not open and were left as they are:`]),
    ...unreadable.slice(0, PROBLEMS_SHOWN).map((path) => `  ${path}`),
  ].join("\n");
}
