import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { AccountSettings } from "../../legacy-gateway/accounts/account.ts";

/** What a test makes of one command: true where it has answered it, or ended the connection. */
export type Twist = (command: string, say: (text: string) => void, socket: Socket, tag: string) => boolean;

/** An IMAP server with one INBOX that does what IMAP4rev1 asks, unless a test twists it. */
export class ScriptedServer {
  readonly letters = new Map<number, string>();
  uidValidity = 7;
  twist: Twist = () => false;
  connections = 0;
  /** Whoever connects is let go at once. */
  isDown = false;
  /** Makes something else of what is said. */
  distort: (text: string) => string = (text) => text;
  /** What clients said, without tags. */
  readonly commands: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      if (this.isDown) return socket.destroy();
      socket.once("close", () => this.#sockets.delete(socket));
      this.#serve(socket).catch(() => socket.destroy());
    });
  }

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  settings(address: string): AccountSettings {
    const bound = this.#server.address();
    const port = bound === null || typeof bound === "string" ? 0 : bound.port;
    return {
      address,
      user: "ann",
      imap: { host: "127.0.0.1", port, security: "none" },
      folders: "own",
      keeping: { kind: "keep" },
      plain: "refused",
      sentCopy: false,
    };
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(socket: Socket): Promise<void> {
    const say = (text: string): void => void (socket.writable && socket.write(this.distort(`${text}\r\n`), "latin1"));
    let idling = "";
    say("* OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] ready");
    for await (const line of createInterface({ input: socket })) {
      if (line.toUpperCase() === "DONE") {
        say(`${idling} OK done`);
        continue;
      }
      const space = line.indexOf(" ");
      const [tag, command] = [line.slice(0, space), line.slice(space + 1)];
      this.commands.push(command);
      if (this.twist(command, say, socket, tag)) continue;
      const [first = "", second = ""] = command.toUpperCase().split(" ");
      switch (first === "UID" ? `UID ${second}` : first) {
        case "CAPABILITY":
          say("* CAPABILITY IMAP4rev1 IDLE UIDPLUS");
          break;
        case "LIST":
          say('* LIST () "/" INBOX');
          break;
        case "STATUS":
          say(`* STATUS INBOX (MESSAGES ${this.letters.size} UIDNEXT 1000 UIDVALIDITY ${this.uidValidity} UNSEEN 0)`);
          break;
        case "SELECT":
          say(`* ${this.letters.size} EXISTS\r\n* OK [UIDVALIDITY ${this.uidValidity}] valid`);
          break;
        case "UID SEARCH":
          say(`* SEARCH ${[...this.letters.keys()].join(" ")}`);
          break;
        case "UID FETCH":
          for (const [index, uid] of [...this.letters.keys()].entries())
            if (isAsked(command, uid)) say(this.fetched(index + 1, uid, command));
          break;
        case "IDLE":
          idling = tag;
          say("+ idling");
          continue;
        case "LOGOUT":
          say(`* BYE\r\n${tag} OK`);
          socket.end();
          return;
      }
      say(`${tag} OK done`);
    }
  }

  fetched(sequence: number, uid: number, command: string): string {
    const content = this.letters.get(uid) ?? "";
    if (!command.includes("BODY.PEEK[]")) return `* ${sequence} FETCH (UID ${uid} FLAGS ())`;
    const [, start = "0", length = "999999999"] = /<(\d+)\.(\d+)>/.exec(command) ?? [];
    const piece = content.slice(Number(start), Number(start) + Number(length));
    return `* ${sequence} FETCH (UID ${uid} FLAGS () RFC822.SIZE ${content.length} BODY[]<${start}> {${piece.length}}\r\n${piece})`;
  }
}

function isAsked(command: string, uid: number): boolean {
  const set = command.split(" ")[2] ?? "";
  return set.split(",").some((range) => {
    const [low = "", high = low] = range.split(":");
    return uid >= Number(low) && (high === "*" || uid <= Number(high));
  });
}
