import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import type { Verdict } from "../../bench/imap/verdict.ts";
import { dovecotInstalled } from "../../rig/private-dovecot.ts";

const MAIN = fileURLToPath(new URL("../../dist/bench/imap/main.js", import.meta.url));

/** Rows that need little time of three servers, and are answered by each part of one. */
const QUICK = "append-*,settle,select-*,headers-*,flags,envelope,search-*,sort-*,thread-*,copy,move,expunge,qresync";

/** The benchmark with a small mailbox; what it found of each row. Nothing may be left behind. */
async function bench(...options: string[]): Promise<Partial<Verdict>[]> {
  // Dovecot's sockets want a short path, and its user `mail` has to get through.
  const scratch = mkdtempSync(join(tmpdir(), "b-"));
  chmodSync(scratch, 0o755);
  try {
    const small = ["--letters", "100", "--samples", "1", "--seconds", "1", "--json"];
    const child = spawn(process.execPath, [MAIN, ...small, ...options], {
      env: { ...process.env, TMPDIR: scratch },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [status] = (await once(child, "close")) as [number | null];
    expect(status).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
    const lines = output.trim().split("\n");
    return lines.map((line) => JSON.parse(line) as Partial<Verdict>).filter(({ row }) => row !== undefined);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function expectRight(verdicts: Partial<Verdict>[], servers: string[]): void {
  for (const { row, medians, wrong } of verdicts)
    expect({ row, wrong, servers: Object.keys(medians ?? {}) }).toEqual({ row, wrong: {}, servers });
}

test("the IMAP benchmark gets a right answer in every row, and leaves nothing behind", async () => {
  const verdicts = await bench("--no-dovecot");
  expect(verdicts.length).toBeGreaterThan(50);
  expectRight(verdicts, ["postern"]);
}, 1_200_000);

test("and beside Dovecot, with and without mail_crypt, in most of them", async () => {
  const verdicts = await bench("--only", QUICK);
  expect(verdicts.length).toBeGreaterThan(25);
  expectRight(verdicts, dovecotInstalled() ? ["postern", "dovecot", "mail_crypt"] : ["postern"]);
}, 1_200_000);
