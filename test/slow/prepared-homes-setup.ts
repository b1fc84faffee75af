import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes the folder for homes that take long to make and that several test files copy. */
export default function setUp(): void {
  process.env["POSTERN_PREPARED_HOMES"] = mkdtempSync(join(tmpdir(), "postern-prepared-"));
}
