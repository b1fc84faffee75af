/** A thread of its own that sends NOOP all the time and notes how long each took: the main one may be busy with the answers. */
import { parentPort, workerData } from "node:worker_threads";
import { type ImapAccess, ImapConnection } from "./connection.ts";

/** Milliseconds between an answer and the next NOOP. */
const PAUSE = 2;

const access = workerData as ImapAccess;
const connection = await ImapConnection.open({ ...access, certificate: Buffer.from(access.certificate) });
const times: number[] = [];
let going = true;
parentPort?.once("message", () => (going = false));
// The first one on a connection may be slower for reasons of its own.
await connection.command("NOOP");
parentPort?.postMessage("ready");
while (going) {
  times.push((await connection.command("NOOP")).milliseconds);
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
}
await connection.close();
parentPort?.postMessage(times);
