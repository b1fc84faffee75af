import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface ServedLetter {
  readonly uid: number;
  readonly content: string;
  readonly flags?: string;
  readonly date?: string;
}

export interface ServedFolder {
  readonly uidValidity: number;
  readonly letters: ServedLetter[];
  readonly attributes?: string;
}

/** An IMAP server of a test, which answers what an import asks; a test may answer a command itself. */
export class SomeServer {
  readonly folders = new Map<string, ServedFolder>();
  namespace = '(("" "/")) NIL NIL';
  delimiter = "/";
  capabilities = "IMAP4rev1 NAMESPACE SPECIAL-USE";
  /** Every command without its tag. */
  readonly commands: string[] = [];
  connections = 0;
  /** True: the command was answered, or the connection ended. */
  intercept: (command: string, answer: (text: string) => void, socket: Socket, tag: string) => boolean = () => false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
      void this.#serve(socket);
    });
  }

  static async start(): Promise<SomeServer> {
    const server = new SomeServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  get login(): { host: string; port: number; user: string; password: string; implicitTls: boolean } {
    return { host: "127.0.0.1", port: this.port, user: "ann", password: "secret", implicitTls: false };
  }

  /** FETCH commands so far. */
  get fetches(): string[] {
    return this.commands.filter((command) => command.startsWith("UID FETCH"));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(socket: Socket): Promise<void> {
    const answer = (text: string): void => void socket.write(`${text}\r\n`, "latin1");
    let selected: ServedFolder | undefined;
    answer(`* OK [CAPABILITY ${this.capabilities}] ready`);
    for await (const line of createInterface({ input: socket })) {
      const space = line.indexOf(" ");
      const [tag, command] = [line.slice(0, space), line.slice(space + 1)];
      this.commands.push(command);
      if (this.intercept(command, answer, socket, tag)) continue;
      const word = command.replace(/^UID /, "UID-").split(" ", 1)[0];
      const name = /"([^"]*)"|(\S+)$/.exec(command.replace(/^\S+ /, ""));
      const folder = this.folders.get(name?.[1] ?? name?.[2] ?? "");
      if (word === "CAPABILITY") answer(`* CAPABILITY ${this.capabilities}`);
      else if (word === "NAMESPACE") answer(`* NAMESPACE ${this.namespace}`);
      else if (word === "LIST" || word === "LSUB") this.#list(word, command, answer);
      else if (word === "STATUS")
        answer(`* STATUS ${/STATUS (\S+|"[^"]*") \(/.exec(command)?.[1]} (MESSAGES ${this.#status(command)})`);
      else if (word === "EXAMINE") {
        selected = folder;
        if (folder === undefined) {
          answer(`${tag} NO there is no such mailbox`);
          continue;
        }
        answer(`* ${folder.letters.length} EXISTS\r\n* OK [UIDVALIDITY ${folder.uidValidity}] valid`);
      } else if (word === "UID-SEARCH") answer(`* SEARCH ${(selected?.letters ?? []).map(({ uid }) => uid).join(" ")}`);
      else if (word === "UID-FETCH") {
        for (const letter of selected?.letters ?? [])
          if (isAsked(command, letter.uid))
            answer(fetchAnswer(selected?.letters.indexOf(letter) ?? 0, letter, command));
      } else if (word === "LOGOUT") {
        answer(`* BYE\r\n${tag} OK`);
        socket.end();
        return;
      }
      answer(`${tag} OK done`);
    }
  }

  #list(word: string, command: string, answer: (text: string) => void): void {
    if (command.endsWith(' "" ""')) return answer(`* LIST (\\Noselect) "${this.delimiter}" ""`);
    for (const [name, { attributes = "" }] of this.folders)
      answer(`* ${word} (${attributes}) "${this.delimiter}" "${name}"`);
  }

  #status(command: string): number {
    const name = /STATUS (?:"([^"]*)"|(\S+)) /.exec(command);
    return this.folders.get(name?.[1] ?? name?.[2] ?? "")?.letters.length ?? 0;
  }
}

export function fetchAnswer(index: number, { uid, content, flags = "", date }: ServedLetter, command: string): string {
  const [, start = "0", length = "0"] = /<(\d+)\.(\d+)>/.exec(command) ?? [];
  const piece = content.slice(Number(start), Number(start) + Number(length));
  const when = date ?? "01-Jan-2020 10:00:00 +0000";
  return `* ${index + 1} FETCH (UID ${uid} FLAGS (${flags}) INTERNALDATE "${when}" RFC822.SIZE ${content.length} BODY[]<${start}> {${piece.length}}\r\n${piece})`;
}

export function isAsked(command: string, uid: number): boolean {
  const set = /^UID FETCH (\S+)/.exec(command)?.[1] ?? "";
  return set.split(",").some((range) => {
    const [first = 0, last = first] = range.split(":").map(Number);
    return uid >= first && uid <= last;
  });
}
