/** Drives the built program as its users do: as processes. The demo, the benchmarks and the end-to-end tests share it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(
  new URL(
    import.meta.url.endsWith("/dist/rig/postern-process.js") ? "../bridge/cli/main.js" : "../dist/bridge/cli/main.js",
    import.meta.url,
  ),
);

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface InitOutput {
  readonly address: string;
  readonly user: string;
  readonly appPassword: string;
  readonly imap: Place;
  readonly smtp: Place;
  readonly caFile: string;
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a command may take, in milliseconds, before it is killed. */
const COMMAND_PATIENCE = 60_000;
/** The same for commands that do the disk's work, on a disk that others use too. */
const LONG_COMMAND_PATIENCE = 300_000;
const LONG_COMMANDS: ReadonlySet<string | undefined> = new Set(["import", "export", "doctor"]);

/** Runs `postern` with these arguments to its end. Its key files and data go below `scratch`. */
export async function postern(scratch: string, ...args: string[]): Promise<CommandResult> {
  const child = spawnPostern(scratch, args);
  const patience = LONG_COMMANDS.has(args[0]) ? LONG_COMMAND_PATIENCE : COMMAND_PATIENCE;
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { status: status ?? -1, stdout, stderr };
}

/** The same with `--json`, whose answer must come with exit status 0. */
export async function posternJson<T>(scratch: string, ...args: string[]): Promise<T> {
  const { status, stdout, stderr } = await postern(scratch, ...args, "--json");
  if (status !== 0) throw new Error(`postern ${args[0]} ended with ${status}: ${stderr || stdout}`);
  return JSON.parse(stdout) as T;
}

/** A `postern run` or `postern relay` that has said that it is ready. */
export class PosternServer {
  readonly ready: Record<string, unknown>;
  /** Milliseconds from the start of the process to its line. */
  readonly startedIn: number;
  readonly #child: ChildProcess;
  readonly #stderr: () => string;

  private constructor(child: ChildProcess, ready: Record<string, unknown>, startedIn: number, stderr: () => string) {
    this.#child = child;
    this.ready = ready;
    this.startedIn = startedIn;
    this.#stderr = stderr;
  }

  static async start(scratch: string, ...args: string[]): Promise<PosternServer> {
    const started = performance.now();
    const child = spawnPostern(scratch, [...args, "--json"]);
    let stderr = "";
    child.stderr?.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-20_000)));
    if (child.stdout === null) throw new Error("no standard output");
    const lines = createInterface({ input: child.stdout });
    const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_PATIENCE);
    for await (const line of lines) {
      clearTimeout(timer);
      const ready = JSON.parse(line) as Record<string, unknown>;
      if (ready["event"] !== "ready") break;
      child.stdout.resume();
      return new PosternServer(child, ready, performance.now() - started, () => stderr);
    }
    clearTimeout(timer);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    throw new Error(`postern ${args[0]} did not start: ${stderr}`);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get log(): string {
    return this.#stderr();
  }

  /** What each of its threads does or waits for in the kernel, a line each: why nothing goes on, where nothing does. */
  get threads(): string {
    const tasks = `/proc/${this.pid}/task`;
    const read = (thread: string, file: string) => readFileSync(`${tasks}/${thread}/${file}`, "utf8").trim();
    const state = (thread: string) => /^State:\s*(.*)$/m.exec(read(thread, "status"))?.[1] ?? "";
    const lines = readdirSync(tasks).map(
      (thread) => `${thread} ${read(thread, "comm")}: ${state(thread)}, ${read(thread, "wchan")}`,
    );
    return lines.join("\n");
  }

  place(front: "imap" | "smtp"): Place {
    return this.ready[front] as Place;
  }

  /** The relay's URL. */
  get url(): string {
    return String(this.ready["url"]);
  }

  /** Ends it, kindly unless another signal is given, and waits until it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await gone;
    clearTimeout(timer);
  }
}

/** A `postern` process without standard input, its output in pipes; the caller ends it. */
export function spawnPostern(scratch: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, XDG_CONFIG_HOME: `${scratch}/config`, XDG_DATA_HOME: `${scratch}/data` },
    stdio: ["ignore", "pipe", "pipe"],
  });
}
