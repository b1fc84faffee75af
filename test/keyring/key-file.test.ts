import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createKeyFile, parseKeyFile, readKeyFile } from "../../keyring/key-file.ts";
import { fixedRandom } from "./fixed-random.ts";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-key-"));
  path = join(directory, "vault.key");
});
afterEach(() => rm(directory, { recursive: true }));

test("a key file is one line of base64 that its owner alone may read", async () => {
  const key = await createKeyFile(path, fixedRandom("key"));
  expect(key).toHaveLength(32);
  expect(await readFile(path, "utf8")).toBe(`${key.toString("base64")}\n`);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readKeyFile(path)).toEqual(key);
});

test("a key file is never overwritten", async () => {
  const key = await createKeyFile(path, fixedRandom("key"));
  await expect(createKeyFile(path, fixedRandom("other"))).rejects.toMatchObject({ code: "already-exists" });
  expect(await readKeyFile(path)).toEqual(key);
});

test("a key file that others may read is refused", async () => {
  await createKeyFile(path, fixedRandom("key"));
  await chmod(path, 0o640);
  await expect(readKeyFile(path)).rejects.toMatchObject({ code: "forbidden" });
});

test("a key file that is absent, short, long or no base64 has a name for it", async () => {
  await expect(readKeyFile(path)).rejects.toMatchObject({ code: "nonexistent" });
  for (const content of ["", "AAAA\n", "?".repeat(44), "A".repeat(100_000)]) {
    await writeFile(path, content, { mode: 0o600 });
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: "damaged" });
  }
});

test("a key that comes from elsewhere than a file is read the same", () => {
  const key = Buffer.alloc(32, 0xfe);
  expect(parseKeyFile(`${key.toString("base64")}\r\n`)).toEqual(key);
});
