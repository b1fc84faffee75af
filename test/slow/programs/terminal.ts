/** A terminal of its own for a program that wants one: tmux on a private socket. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { programPath, RunningProgram, run, runWell } from "./program.ts";

const COLUMNS = 150;
const ROWS = 45;

/** How long the screen may take, in milliseconds, to show what is waited for. */
const PATIENCE = 30_000;
const POLL = 50;

export class Terminal {
  readonly #tmux: string;
  readonly #home: string;
  readonly #server: RunningProgram;

  private constructor(tmux: string, home: string, server: RunningProgram) {
    this.#tmux = tmux;
    this.#home = home;
    this.#server = server;
  }

  /** Runs a command on a fresh screen. Its HOME and tmux's socket are in `home`. */
  static async start(home: string, ...command: readonly string[]): Promise<Terminal> {
    const tmux = programPath("tmux", "tmux");
    const server = RunningProgram.start(tmux, ["-S", join(home, "tmux"), "-D", "-f", "/dev/null"], { home });
    const terminal = new Terminal(tmux, home, server);
    try {
      await terminal.#untilListening();
      await terminal.#ask("set-option", "-g", "remain-on-exit", "on");
      await terminal.#ask("set-option", "-g", "status", "off");
      await terminal.#ask("set-option", "-s", "escape-time", "20");
      await terminal.#ask("new-session", "-d", "-x", String(COLUMNS), "-y", String(ROWS), "--", ...command);
    } catch (error) {
      await terminal.stop();
      throw error;
    }
    return terminal;
  }

  /** What the screen shows, without empty lines at its end. */
  async screen(): Promise<string> {
    return (await this.#ask("capture-pane", "-p")).trimEnd();
  }

  /** Presses keys by tmux's names for them: `y`, `Enter`, `C-u`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#ask("send-keys", ...keys);
  }

  /** Types a text as it is. */
  async type(text: string): Promise<void> {
    // tmux takes a semicolon at an argument's end for its own.
    await this.#ask("send-keys", "-l", "--", text.endsWith(";") ? `${text.slice(0, -1)}\\;` : text);
  }

  /** Waits for a prompt, and answers it in place of what it may hold already. */
  async answer(prompt: RegExp, text: string): Promise<void> {
    await this.untilShown(prompt);
    await this.press("C-u");
    await this.type(text);
    await this.press("Enter");
  }

  /** Resolves with the screen once it shows this. @throws with the last screen, if it does not in time */
  async untilShown(pattern: RegExp, patience = PATIENCE): Promise<string> {
    const end = Date.now() + patience;
    for (;;) {
      const screen = await this.screen();
      if (pattern.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`the screen did not show ${pattern} in ${patience} ms:\n${screen}`);
      await delay(POLL);
    }
  }

  /** The command's exit status, once it ended. @throws with the last screen, if it does not in time */
  async untilEnded(patience = PATIENCE): Promise<number> {
    const end = Date.now() + patience;
    for (;;) {
      const state = (await this.#ask("display-message", "-p", "#{pane_dead} #{pane_dead_status}")).trim();
      if (state.startsWith("1")) return Number(state.slice(2));
      if (Date.now() > end) throw new Error(`the program did not end in ${patience} ms:\n${await this.screen()}`);
      await delay(POLL);
    }
  }

  /** Closes the screen; what ran on it gets SIGHUP. */
  async stop(): Promise<void> {
    await this.#server.stop();
  }

  async #ask(...command: readonly string[]): Promise<string> {
    const output = await runWell(this.#tmux, ["-S", join(this.#home, "tmux"), ...command], { home: this.#home });
    return output.toString();
  }

  /** The socket is there a moment before tmux listens on it. */
  async #untilListening(): Promise<void> {
    const end = Date.now() + PATIENCE;
    const question = ["-S", join(this.#home, "tmux"), "show-options", "-s"];
    while ((await run(this.#tmux, question, { home: this.#home })).status !== 0) {
      if (this.#server.ended || Date.now() > end) throw new Error(`tmux did not start: ${this.#server.lastWords}`);
      await delay(POLL);
    }
  }
}
