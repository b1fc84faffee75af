import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { programPath, run } from "../program.ts";
import { missingLetters } from "./expected.ts";
import { LETTERS, sharedMailbox } from "./large-mailbox.ts";

const shared = sharedMailbox();

interface Fetching {
  readonly caFile?: string;
  readonly folder: string;
  readonly options: readonly string[];
}

/** Fetches into one file of batched SMTP: a delivery agent would be started ten thousand times. */
async function fetchmail(name: string, { caFile, folder, options }: Fetching) {
  const { user, password, imap, caFile: own } = shared.mailbox.account;
  const home = join(shared.mailbox.scratch, name);
  const batch = join(home, "batch");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(
    join(home, "fetchmailrc"),
    // It compares the certificate with host names alone, never with addresses.
    `poll localhost protocol imap service ${imap.port} timeout 60\n` +
      `  user "${user}" password "${password}" folder "${folder}"\n` +
      `  ssl sslcertck sslcertfile "${caFile ?? own}" no rewrite ${options.join(" ")}\n` +
      `  bsmtp "${batch}"\n`,
    { mode: 0o600 },
  );
  const args = [
    "--fetchmailrc",
    "fetchmailrc",
    "--nodetach",
    "--nosyslog",
    "--invisible",
    "--pidfile",
    join(home, "pid"),
  ];
  const result = await run(programPath("fetchmail", "fetchmail"), args, { home, patience: 300_000 });
  const got = existsSync(batch) ? letters(readFileSync(batch, "latin1")) : [];
  return { ...result, got };
}

/** What lies between DATA and the line of one dot, without the dots that SMTP adds; lines end with LF. */
function letters(batch: string): Buffer[] {
  const transactions = batch
    .replaceAll("\r\n", "\n")
    .split(/^DATA\n/m)
    .slice(1);
  return transactions.map((text) => {
    const end = text.startsWith(".\n") ? 0 : text.indexOf("\n.\n") + 1;
    return Buffer.from(text.slice(0, end).replace(/^\./gm, ""), "latin1");
  });
}

test("fetchmail takes all ten thousand letters, octet for octet, and leaves them where they are", async () => {
  const { status, got } = await fetchmail("all", { folder: "INBOX", options: ["fetchall", "keep"] });
  expect(status).toBe(0);
  expect(got).toHaveLength(LETTERS);
  expect(await shared.mailbox.counts(shared.client, "INBOX")).toEqual({ messages: LETTERS, unseen: 0 });
  expect(missingLetters(got)).toEqual([]);
}, 400_000);

test("a second run finds nothing new", async () => {
  const { status, got } = await fetchmail("again", { folder: "INBOX", options: ["keep"] });
  // 1: "There was no mail awaiting retrieval".
  expect({ status, got }).toEqual({ status: 1, got: [] });
});

test("without keep, what was fetched is gone from the server", async () => {
  const { status, got } = await fetchmail("move", { folder: "Ablage/2019/M&AOQ-rz", options: ["fetchall", "nokeep"] });
  expect({ status, count: got.length }).toEqual({ status: 0, count: 20 });
  expect(await shared.mailbox.counts(shared.client, "Ablage/2019/März")).toEqual({ messages: 0, unseen: 0 });
});

test("fetchmail refuses a bridge whose certificate another authority signed", async () => {
  const caFile = await shared.mailbox.foreignAuthority();
  const { status, stderr, got } = await fetchmail("deceived", { folder: "INBOX", options: ["keep"], caFile });
  expect({ status, got }).toEqual({ status: 2, got: [] });
  expect(stderr).toContain("certificate verify failed");
});
