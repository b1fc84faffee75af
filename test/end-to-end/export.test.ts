import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { fetchAll, formatLetter } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { PosternServer, postern } from "../../rig/postern-process.ts";

test("letters are exported while the bridge runs and while it does not, and come back the same", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "postern-export-"));
  const relay = await PosternServer.start(
    scratch,
    "relay",
    "--home",
    join(scratch, "relay"),
    "--listen",
    "127.0.0.1:0",
  );
  let ann: Person | undefined;
  try {
    ann = await Person.create("ann", scratch, relay.url);
    const letter = formatLetter({ From: "a@example.org", Subject: "kept" }, "From the start\r\nto the end\r\n");
    const file = (name: string): string => join(scratch, name);
    writeFileSync(file("kept.eml"), letter);
    await ann.command("import", file("kept.eml"), "--folder", "Old/Kept");
    const folder = ["export", "Old/Kept"];
    expect(await ann.command(...folder, file("stopped.mbox"))).toEqual({ done: 1, total: 1, damaged: 0 });
    await ann.start();
    expect(await ann.command(...folder, file("running.mbox"))).toEqual({ done: 1, total: 1, damaged: 0 });
    expect(await ann.command("export", "--all", file("all"), "--format", "eml")).toMatchObject({ damaged: 0 });
    expect(readFileSync(join(scratch, "all", "Old", "Kept", "0000001.eml"))).toEqual(letter);
    expect(readFileSync(file("running.mbox"))).toEqual(readFileSync(file("stopped.mbox")));
    await ann.command("import", file("running.mbox"), "--folder", "Again");
    const client = await ann.imap();
    expect([...(await fetchAll(client, "Again")).values()]).toEqual([letter]);
    await client.logout();
    const refused = await postern(scratch, ...folder, file("running.mbox"), "--home", ann.home);
    expect(refused).toMatchObject({ status: 7, stderr: expect.stringContaining("nothing is overwritten") });
  } finally {
    await ann?.stop();
    await relay.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}, 60_000);
