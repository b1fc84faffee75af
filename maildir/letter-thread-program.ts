/** What letter-thread.ts starts. */
import { parentPort, workerData } from "node:worker_threads";
import { type LetterRecipients, serveLetters } from "./letter-service.ts";

if (parentPort === null) throw new Error("this runs in a thread");
serveLetters(parentPort, workerData as LetterRecipients);
