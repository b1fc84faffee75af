import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { equalConstantTime } from "../../foundation/bytes.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import { OPERATION_NAMES, type Operations } from "../operations/operations.ts";
import { type ControlAnswer, type ControlRequest, MAX_REQUEST_LINE } from "./protocol.ts";

export interface ControlServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves the operations to whoever holds the token, on a free loopback port. */
export async function startControlServer(options: {
  token: string;
  operations: Operations;
  logger: Logger;
}): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, options).catch(() => socket.destroy());
  });
  server.maxConnections = 16;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the control server has no port");
  return {
    port: address.port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function serve(
  socket: Socket,
  { token, operations, logger }: { token: string; operations: Operations; logger: Logger },
): Promise<void> {
  const answer = (value: ControlAnswer) => socket.write(`${JSON.stringify(value)}\n`);
  socket.setTimeout(30_000, () => socket.destroy());
  let received = 0;
  socket.on("data", (bytes) => {
    received += bytes.length;
    if (received > MAX_REQUEST_LINE) socket.destroy();
  });
  for await (const line of createInterface({ input: socket })) {
    const request = parseRequest(line);
    if (request === undefined || socket.destroyed || !equalConstantTime(Buffer.from(request.token), Buffer.from(token)))
      break;
    socket.setTimeout(0);
    // Whoever asked and went away does not want it any more.
    const gone = new AbortController();
    socket.once("close", () => gone.abort());
    try {
      const operation = OPERATION_NAMES.find((name) => name === request.operation);
      if (operation === undefined) throw new Failure("invalid", "the running bridge is of another version: restart it");
      const call = operations[operation] as (
        request: unknown,
        onProgress: (value: unknown) => void,
        signal: AbortSignal,
      ) => Promise<unknown>;
      const onProgress = (progress: unknown): void => void answer({ progress });
      answer({ result: await call.call(operations, request.request, onProgress, gone.signal) });
    } catch (thrown) {
      if (gone.signal.aborted) break;
      const error = storageFailure(thrown);
      if (error instanceof Failure) answer({ error: { code: error.code, message: error.message } });
      else {
        logger("error", "control operation failed", {
          cause: error instanceof Error ? (error.stack ?? error.message) : "",
        });
        answer({ error: { code: "bug", message: "the bridge failed; its log says more" } });
      }
    }
    break;
  }
  socket.end();
}

function parseRequest(line: string): ControlRequest | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return undefined;
    const { token, operation, request } = value as Record<string, unknown>;
    return typeof token === "string" && typeof operation === "string" ? { token, operation, request } : undefined;
  } catch {
    return undefined;
  }
}
