import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { Failure } from "../../foundation/failure.ts";

/** Octets of a file or of standard input that a password is looked for in. */
const MAX_PASSWORD_INPUT = 4_096;

/**
 * A password: the first line of a file, or asked for on a terminal without being shown, or the first line of standard
 * input. @throws Failure invalid, nonexistent
 */
export async function readPassword(question: string, file: string | undefined): Promise<string> {
  const password = await source(question, file);
  if (password === "") throw new Failure("invalid", "no password was given");
  return password;
}

async function source(question: string, file: string | undefined): Promise<string> {
  if (file !== undefined) {
    const content = await readFile(file, "utf8").catch((cause: unknown) => {
      throw new Failure("nonexistent", `${file} cannot be read`, { cause });
    });
    return firstLine(content.slice(0, MAX_PASSWORD_INPUT));
  }
  if (process.stdin.isTTY) return await ask(question);
  let text = "";
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.includes("\n") || text.length > MAX_PASSWORD_INPUT) break;
  }
  return firstLine(text);
}

async function ask(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  const interrupted = new AbortController();
  terminal.once("SIGINT", () => interrupted.abort());
  terminal.once("close", () => interrupted.abort());
  process.stderr.write(question);
  try {
    return await terminal.question("", { signal: interrupted.signal });
  } catch (cause) {
    throw new Failure("invalid", "no password was given", { cause });
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? "";
}
