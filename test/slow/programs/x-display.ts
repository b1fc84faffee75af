import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { programPath, RunningProgram } from "./program.ts";

const PATIENCE = 20_000;
const POLL = 50;

/** An X server without a screen, on a display number that was free. */
export class XDisplay {
  /** For DISPLAY, `:99` for instance. */
  readonly name: string;
  readonly #server: RunningProgram;

  private constructor(name: string, server: RunningProgram) {
    this.name = name;
    this.#server = server;
  }

  static async start(home: string): Promise<XDisplay> {
    const number = join(home, "display");
    // By a shell, which hands Xvfb a file in place of the pipe that -displayfd wants.
    const script = `exec "$0" -displayfd 3 -screen 0 1400x950x24 -nolisten tcp 3>display`;
    const server = RunningProgram.start("/bin/sh", ["-c", script, programPath("Xvfb", "xvfb")], { home });
    const end = Date.now() + PATIENCE;
    for (;;) {
      const match = /^(\d+)\n/.exec(readIfThere(number));
      if (match !== null) return new XDisplay(`:${match[1]}`, server);
      if (server.ended || Date.now() > end) {
        await server.stop();
        throw new Error(`Xvfb did not start: ${server.lastWords}`);
      }
      await delay(POLL);
    }
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
