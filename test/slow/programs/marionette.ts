import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** How long Marionette may take to listen, in milliseconds. */
const START_PATIENCE = 60_000;
const POLL = 200;

/** How long a script inside the program may take, in milliseconds; its own waits are shorter, and say what for. */
const SCRIPT_PATIENCE = 300_000;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A client of Marionette, the remote control of Mozilla's programs: `<length>:<JSON>` in both directions over TCP. */
export class Marionette {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #received: Buffer = Buffer.alloc(0);
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the program closed its remote control"));
      this.#waiting.clear();
    });
  }

  /** Connects as soon as the program listens, and begins a session among its own windows. */
  static async open(port: number): Promise<Marionette> {
    const marionette = new Marionette(await connectPatiently(port));
    await marionette.#command("WebDriver:NewSession", {
      capabilities: { alwaysMatch: { unhandledPromptBehavior: "ignore" } },
    });
    await marionette.#command("Marionette:SetContext", { value: "chrome" });
    await marionette.#command("WebDriver:SetTimeouts", { script: SCRIPT_PATIENCE });
    return marionette;
  }

  /**
   * Runs `body`, that of an async function of `args`, with the program's own rights, and resolves with what it returns.
   * @throws what it throws
   */
  async execute(body: string, ...args: readonly unknown[]): Promise<unknown> {
    const script = `
      const settle = arguments[arguments.length - 1];
      const args = [...arguments].slice(0, -1);
      (async () => {${body}\n})().then(
        (value) => settle({ value: value === undefined ? null : value }),
        (error) => settle({ error: String(error?.message ?? error) }),
      );`;
    const answer = await this.#command("WebDriver:ExecuteAsyncScript", {
      script,
      args,
      sandbox: "system",
      newSandbox: true,
    });
    const result = (answer as { value: { value?: unknown; error?: string } | null }).value;
    // What comes in place of an answer, when a modal dialog opens in the meantime.
    if (result === null) throw new Error(`a dialog opened: ${await this.#dialogText()}`);
    if (result.error !== undefined) throw new Error(result.error);
    return result.value;
  }

  /** Asks the program to quit as its menu would. */
  async quit(): Promise<void> {
    await this.#command("Marionette:Quit", { flags: ["eAttemptQuit"] });
  }

  close(): void {
    this.#socket.destroy();
  }

  async #dialogText(): Promise<string> {
    const { value } = (await this.#command("WebDriver:GetAlertText", {})) as { value: string };
    return value;
  }

  #command(name: string, parameters: object): Promise<unknown> {
    const id = ++this.#lastId;
    const message = Buffer.from(JSON.stringify([0, id, name, parameters]));
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new Error("the program closed its remote control"));
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${message.length}:`);
      this.#socket.write(message);
    });
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#received.toString("latin1", 0, colon));
      if (this.#received.length < end) return;
      const message = JSON.parse(this.#received.toString("utf8", colon + 1, end)) as unknown;
      this.#received = this.#received.subarray(end);
      // The first message, a greeting, is no array.
      if (Array.isArray(message))
        this.#settle(message as [1, number, { error: string; message: string } | null, unknown]);
    }
  }

  #settle([, id, error, value]: [1, number, { error: string; message: string } | null, unknown]): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === null) waiting?.resolve(value);
    else waiting?.reject(new Error(`${error.error}: ${error.message}`));
  }
}

async function connectPatiently(port: number): Promise<Socket> {
  const end = Date.now() + START_PATIENCE;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const connected = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (connected) return socket;
    socket.destroy();
    if (Date.now() > end) throw new Error(`nothing listened for remote control in ${START_PATIENCE} ms`);
    await delay(POLL);
  }
}
