import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { corpusLetter } from "../../../../rig/corpus.ts";
import { type CurlOptions, curlImap } from "../curl.ts";
import type { Security } from "../mail-account.ts";
import { LETTERS, sharedMailbox } from "./large-mailbox.ts";

const shared = sharedMailbox();

describe.each<Security>(["tls", "starttls"])("curl over %s", (security) => {
  const options = (): CurlOptions => ({
    account: shared.mailbox.account,
    security,
    home: join(shared.mailbox.scratch, `curl-${security}`),
  });
  const ask = async (path: string, ...more: string[]) => {
    const { status, stdout, stderr } = await curlImap(options(), path, "--max-time", "300", ...more);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout;
  };

  test("lists the folders, with names in modified UTF-7", async () => {
    const folders = (await ask("")).toString();
    expect(folders).toContain('"/" "Projects/Pr&APw-fung &- S&APY-hne"');
    expect(folders.split("\r\n").length).toBeGreaterThan(9);
  });

  test("searches all letters, by header and by text", async () => {
    expect((await ask("INBOX?SUBJECT%20s04711")).toString()).toBe("* SEARCH 4712\r\n");
    expect((await ask("INBOX?TEXT%20w01234")).toString()).toBe("* SEARCH 1235\r\n");
    const all = (await ask("INBOX?ALL")).toString();
    expect(all.trim().split(" ")).toHaveLength(2 + LETTERS);
  });

  test("reads letters octet for octet, whole and in parts, in a folder with a name that is not ASCII too", async () => {
    for (const number of [0, 8, 49, 99, 4_711, 9_999]) {
      const read = await ask(`INBOX;MAILINDEX=${number + 1}`);
      expect(read.equals(corpusLetter(number).raw)).toBe(true);
    }
    const text = await ask("INBOX;MAILINDEX=1;SECTION=TEXT");
    expect(text.toString()).toMatch(/^w00000\r\n/);
    const filed = await ask("Projects/Pr%26APw-fung%20%26-%20S%26APY-hne;MAILINDEX=1");
    expect(filed.equals(corpusLetter(10_000).raw)).toBe(true);
  });

  test("lists flags and sizes, flags, copies, appends, expunges", async () => {
    // Debian's curl 7.88 gives up after some fifteen lines of answers to one command.
    const last = (await ask("INBOX", "--request", `FETCH ${LETTERS - 9}:* (FLAGS RFC822.SIZE)`)).toString();
    expect(last.match(/^\* \d+ FETCH \(.*RFC822.SIZE \d+/gm)).toHaveLength(10);
    const stored = await ask("INBOX", "--request", "STORE 5 +FLAGS (\\Flagged)");
    expect(stored.toString()).toContain("\\Flagged");
    const folder = `By-curl-${security}`;
    await ask("", "--request", `CREATE ${folder}`);
    await ask("INBOX", "--request", `COPY 1:500 ${folder}`);
    await ask(folder, "--request", "STORE 1:10 +FLAGS.SILENT (\\Deleted)");
    await ask(folder, "--request", "EXPUNGE");
    expect((await ask("", "--request", `STATUS ${folder} (MESSAGES)`)).toString()).toContain("(MESSAGES 490)");
    await ask("", "--request", `DELETE ${folder}`);
  });
});
