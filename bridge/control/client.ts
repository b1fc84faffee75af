import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { errorCode, Failure } from "../../foundation/failure.ts";
import type { HomePaths } from "../home/home.ts";
import { OPERATION_NAMES, type Operations } from "../operations/operations.ts";
import type { ControlAnswer, Running } from "./protocol.ts";

/** The operations of the bridge that runs on this home. @throws Failure unavailable */
export async function connectOperations(paths: HomePaths): Promise<Operations> {
  const running = await readRunning(paths);
  const entries = OPERATION_NAMES.map((name) => [
    name,
    (request: unknown, onProgress?: (value: unknown) => void, signal?: AbortSignal) =>
      callOperation(running, name, request, onProgress, signal),
  ]);
  return Object.fromEntries(entries) as Operations;
}

async function readRunning(paths: HomePaths): Promise<Running> {
  try {
    return JSON.parse(await readFile(paths.running, "utf8")) as Running;
  } catch (error) {
    throw new Failure("unavailable", `a bridge holds ${paths.home} but is not ready yet: try again in a moment`, {
      cause: error,
    });
  }
}

async function callOperation(
  running: Running,
  operation: string,
  request: unknown,
  onProgress: ((value: unknown) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const socket = connect(running.control.port, "127.0.0.1");
  const leave = (): void => void socket.destroy();
  signal?.addEventListener("abort", leave, { once: true });
  try {
    signal?.throwIfAborted();
    const lines = createInterface({ input: socket });
    socket.on("error", () => lines.close());
    socket.write(`${JSON.stringify({ token: running.control.token, operation, request: request ?? {} })}\n`);
    for await (const line of lines) {
      const answer = JSON.parse(line) as ControlAnswer;
      if ("progress" in answer) onProgress?.(answer.progress);
      else if ("result" in answer) return answer.result;
      else if (answer.error.code === "bug") throw new Error(answer.error.message);
      else throw new Failure(answer.error.code, answer.error.message);
    }
    signal?.throwIfAborted();
    throw noAnswer();
  } catch (error) {
    if (errorCode(error).startsWith("ECONN") || errorCode(error) === "EPIPE") throw noAnswer(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", leave);
    socket.destroy();
  }
}

function noAnswer(cause?: unknown): Failure {
  return new Failure("unavailable", "the running bridge did not answer: see its log, or restart it", { cause });
}
