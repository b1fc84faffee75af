import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "@jest/globals";

const built = (name: string): string => new URL(`../../../dist/maildir/age/${name}`, import.meta.url).href;

test("sealing never stands still, whenever the garbage collector runs", async () => {
  const program = `
    import { randomBytes } from "node:crypto";
    import { encodeBech32 } from ${JSON.stringify(built("bech32.js"))};
    import { X25519Identity, X25519Recipient } from ${JSON.stringify(built("x25519.js"))};
    const identity = new X25519Identity(encodeBech32("age-secret-key-", randomBytes(32)).toUpperCase());
    const recipient = new X25519Recipient(identity.recipient);
    for (let n = 0; n < 3_000; n++) {
      const fileKey = randomBytes(16);
      if (!identity.unwrap([recipient.wrap(fileKey)])?.equals(fileKey)) process.exit(1);
    }
  `;
  // With a key of generateKeyPairSync, which was used before, this stood still within a second.
  const options = ["--gc-interval=503", "--input-type=module", "-e", program];
  const child = spawn(process.execPath, options, { stdio: "inherit" });
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const [status] = (await once(child, "exit")) as [number | null];
  clearTimeout(timer);
  expect(status).toBe(0);
}, 70_000);
