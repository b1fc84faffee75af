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

test("the IMAP benchmark gets a right answer in every row from every server, and leaves nothing behind", async () => {
  // Dovecot's sockets want a short path, and its user `mail` has to get through.
  const scratch = mkdtempSync(join(tmpdir(), "b-"));
  chmodSync(scratch, 0o755);
  try {
    const child = spawn(process.execPath, [MAIN, "--letters", "100", "--samples", "1", "--seconds", "1", "--json"], {
      env: { ...process.env, TMPDIR: scratch },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [status] = (await once(child, "close")) as [number | null];
    expect(status).toBe(0);
    const lines = output.trim().split("\n");
    const verdicts = lines.map((line) => JSON.parse(line) as Partial<Verdict>).filter(({ row }) => row !== undefined);
    const servers = dovecotInstalled() ? ["postern", "dovecot", "mail_crypt"] : ["postern"];
    expect(verdicts.length).toBeGreaterThan(50);
    for (const { row, medians, wrong } of verdicts)
      expect({ row, wrong, servers: Object.keys(medians ?? {}) }).toEqual({ row, wrong: {}, servers });
    expect(readdirSync(scratch)).toEqual([]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}, 1_200_000);
