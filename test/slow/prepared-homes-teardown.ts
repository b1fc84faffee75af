import { rmSync } from "node:fs";

export default function tearDown(): void {
  const scratch = process.env["POSTERN_PREPARED_HOMES"];
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
}
