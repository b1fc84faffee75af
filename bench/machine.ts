/** What the machine allows at most, measured in the same run, so that the figures below can be read against it. */
import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { PrivateKey } from "@signalapp/libsignal-client";
import { seal } from "../foundation/seal.ts";

/** Runs the work for about half a second; how often a second it was done. */
export function perSecond(work: () => void): number {
  const started = performance.now();
  let done = 0;
  for (; performance.now() - started < 500; done++) work();
  return (done * 1000) / (performance.now() - started);
}

export function probeMachine(folder: string): [name: string, value: string][] {
  const block = randomBytes(8192);
  const path = join(folder, "probe");
  const file = openSync(path, "w");
  const overwrites = perSecond(() => {
    writeSync(file, block, 0, block.length, 0);
    fdatasyncSync(file);
  });
  closeSync(file);
  const creates = perSecond(() => {
    const created = openSync(path, "w");
    writeSync(created, block);
    fsyncSync(created);
    closeSync(created);
  });
  rmSync(path);
  const key = randomBytes(32);
  const nonce = randomBytes(12);
  const cell = randomBytes(16_000);
  const seals = perSecond(() => void seal(key, nonce, cell));
  const agreements = perSecond(() => void PrivateKey.generate().agree(PrivateKey.generate().getPublicKey()));
  const probes: [string, string][] = [
    ["limit: 8 KB overwritten and synced", `${overwrites.toFixed(0)}/s`],
    ["limit: 8 KB file created and synced", `${creates.toFixed(0)}/s`],
    ["limit: 16 KB cells sealed", `${seals.toFixed(0)}/s`],
    ["limit: X25519 key pairs made and agreed (libsignal)", `${agreements.toFixed(0)}/s`],
  ];
  return probes;
}
