/** Runs programs of the system: each with a home of its own, bounded in time, ended by its process id. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";

const PLACES = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/lib/thunderbird"];

/** How long a program may take, in milliseconds, unless the caller says otherwise. */
const PATIENCE = 60_000;

/** How long a program may take, in milliseconds, to end once it was asked to. */
const FAREWELL = 10_000;

/** Longest life of a program that runs on, in seconds, should whoever started it be killed. */
const LIFETIME = 600;

/** Octets of what a program that runs on says that are kept for an error's text. */
const LAST_WORDS = 4_000;

export interface ProgramOptions {
  /** The program's HOME and working directory; made if it is not there. */
  readonly home: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ProgramResult {
  /** Exit status; -1 where a signal ended it. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Where a program lies. @throws with what to install, where it is absent */
export function programPath(name: string, debianPackage: string): string {
  for (const place of PLACES) {
    const path = join(place, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  throw new Error(
    `${name} is not installed: run test/slow/install-programs.sh as root, or install the package ${debianPackage}`,
  );
}

/** Runs a program to its end, with this as its standard input. @throws where it takes longer than `patience` milliseconds */
export async function run(
  path: string,
  args: readonly string[],
  options: ProgramOptions & { readonly input?: string | Uint8Array; readonly patience?: number },
): Promise<ProgramResult> {
  const child = spawnAtHome(path, args, options, "pipe");
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  // A program that refuses at once does not read its input to the end.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  const patience = options.patience ?? PATIENCE;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child, "SIGKILL");
  }, patience);
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? -1));
  }).finally(() => clearTimeout(timer));
  if (late) throw new Error(`${path} did not end in ${patience} ms; it said: ${stderr.slice(-LAST_WORDS)}`);
  return { status, stdout: Buffer.concat(stdout), stderr };
}

/** The same for a program that must succeed; resolves with its standard output. @throws with what it said */
export async function runWell(...[path, args, options]: Parameters<typeof run>): Promise<Buffer> {
  const { status, stdout, stderr } = await run(path, args, options);
  if (status !== 0) throw new Error(`${path} ended with ${status}: ${stderr || stdout.toString()}`);
  return stdout;
}

/** A program that runs until it is stopped, in a process group of its own. */
export class RunningProgram {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #lastWords = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    const listen = (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS);
    };
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#lastWords += String(error);
        resolve();
      });
      child.once("exit", () => resolve());
    });
  }

  static start(path: string, args: readonly string[], options: ProgramOptions): RunningProgram {
    const bounded = ["--kill-after=10", String(LIFETIME), path, ...args];
    return new RunningProgram(spawnAtHome(programPath("timeout", "coreutils"), bounded, options, "ignore"));
  }

  get ended(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The end of what it wrote to standard output and standard error. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /** Resolves once it ended by itself; false if it did not in time. */
  async untilEnded(patience = FAREWELL): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patience);
    });
    await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    return this.ended;
  }

  /** Ends it and what it started, by force where it does not listen. */
  async stop(patience = FAREWELL): Promise<void> {
    if (!this.ended) {
      killGroup(this.#child, "SIGTERM");
      await this.untilEnded(patience);
    }
    killGroup(this.#child, "SIGKILL");
    await this.#ended;
  }
}

function spawnAtHome(
  path: string,
  args: readonly string[],
  { home, environment }: ProgramOptions,
  input: "pipe" | "ignore",
): ChildProcess {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return spawn(path, args, {
    cwd: home,
    detached: true,
    env: { HOME: home, PATH: PLACES.join(delimiter), LC_ALL: "C.UTF-8", ...environment },
    stdio: [input, "pipe", "pipe"],
  });
}

/** The group outlives its first process where that one left children behind. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    return;
  }
}
