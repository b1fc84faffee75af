import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const MAIN = fileURLToPath(new URL("../../dist/bench/tor.js", import.meta.url));

/** Only loopback is there, so nothing leaves the machine; and whatever still ran when its first process ends goes with it. */
const NAMESPACE = ["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "sh", "-c"];

test("letters go through real onion services of a private Tor net, a first one, many, and a large one", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "t-"));
  try {
    const child = spawn("unshare", [...NAMESPACE, `ip link set lo up && exec node "${MAIN}" --json`], {
      env: { ...process.env, TMPDIR: scratch },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 280_000,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [status] = (await once(child, "close")) as [number | null];
    expect(status).toBe(0);
    const lines = output.trim().split("\n");
    const figures = new Map(
      lines.map((line) => {
        const { name, value } = JSON.parse(line) as { name: string; value: string };
        return [name, value];
      }),
    );
    expect(figures.get("the relay that contacts are told")).toMatch(/^[a-z2-7]{56}\.onion:4523$/);
    for (const name of [
      "plain echo of 16 KB over SOCKS and the onion service, median / 95th",
      "first letter, from the end of DATA to the recipient's IDLE EXISTS",
      "letters of 4 KB, end of DATA to EXISTS, median / 95th",
      "a letter of 4 MB, end of DATA to EXISTS",
    ])
      expect(figures.get(name)).toMatch(/^\d/);
    expect(readdirSync(scratch)).toEqual([]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}, 300_000);
