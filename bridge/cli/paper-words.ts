import { readFile } from "node:fs/promises";
import { Failure } from "../../foundation/failure.ts";
import { readPassword } from "./password.ts";

/** The paper key's words as somebody wrote them: from a file, on one line or several, or asked for. @throws Failure nonexistent, invalid */
export async function readPaperWords(file: string | undefined): Promise<string> {
  if (file === undefined) return await readPassword("The 24 words of the paper key: ", undefined);
  return await readFile(file, "utf8").catch((cause: unknown) => {
    throw new Failure("nonexistent", `${file} cannot be read`, { cause });
  });
}
