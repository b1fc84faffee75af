import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { newMasterSeed } from "../../../keyring/paper-key.ts";
import { recoveryIdentity } from "../../../keyring/recovery-identity.ts";
import { programPath, runWell } from "./program.ts";

test("age-keygen finds the same recipient for the recovery identity", async () => {
  const home = mkdtempSync(join(tmpdir(), "postern-recovery-identity-"));
  try {
    const ageKeygen = programPath("age-keygen", "age");
    for (let round = 0; round < 3; round += 1) {
      const { identity, recipient } = recoveryIdentity(newMasterSeed(randomBytes));
      const printed = await runWell(ageKeygen, ["-y"], { home, input: `${identity}\n` });
      expect(printed.toString().trim()).toBe(recipient);
    }
  } finally {
    rmSync(home, { recursive: true });
  }
});
