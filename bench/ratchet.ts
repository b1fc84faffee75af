import { randomBytes } from "node:crypto";
import { Database } from "../foundation/database.ts";
import { createDevice } from "../keyring/device.ts";

const STEPS = 1000;
/** As long as the header of a letter. */
const HEADER = 136;

/** Messages a second that libsignal encrypts for one session, and decrypts at its other end, one after the other in one process. */
export async function ratchetSpeed(): Promise<{ encrypted: number; decrypted: number }> {
  const [ours, theirs] = [new Database(":memory:"), new Database(":memory:")];
  try {
    const [sender, recipient] = [
      createDevice(ours, { random: randomBytes }),
      createDevice(theirs, { random: randomBytes }),
    ];
    const now = Date.now();
    const sending = sender.sessions("sender", () => true);
    const receiving = recipient.sessions("recipient", () => true);
    const id = await sending.begin("recipient", recipient.createBundle(now).bytes, now);
    await receiving.decrypt(
      "sender",
      sender.deviceId,
      await sending.encrypt("recipient", id, randomBytes(HEADER), now),
    );
    await sending.decrypt(
      "recipient",
      id,
      await receiving.encrypt("sender", sender.deviceId, randomBytes(HEADER), now),
    );

    const started = performance.now();
    const messages = [];
    for (let step = 0; step < STEPS; step++)
      messages.push(await sending.encrypt("recipient", id, randomBytes(HEADER), now));
    const encrypted = performance.now();
    for (const message of messages) await receiving.decrypt("sender", sender.deviceId, message);
    const decrypted = performance.now();
    return { encrypted: (STEPS * 1000) / (encrypted - started), decrypted: (STEPS * 1000) / (decrypted - encrypted) };
  } finally {
    ours.close();
    theirs.close();
  }
}
