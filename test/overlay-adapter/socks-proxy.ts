import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface ProxiedConnection {
  readonly user: string;
  /** As the client wrote it: a name stays a name. */
  readonly host: string;
  readonly port: number;
}

const REPLY_TAIL = [0, 1, 0, 0, 0, 0, 0, 0];

/** A SOCKS5 proxy (RFC 1928, RFC 1929) on loopback that takes every name for this machine, and remembers what it was asked. */
export class TestProxy {
  readonly asked: ProxiedConnection[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.#keep(socket);
      this.#serve(socket).catch(() => socket.destroy());
    });
  }

  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: this.#port };
  }

  /** Listens, at the same port as before if it did. */
  async start(): Promise<this> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async #serve(client: Socket): Promise<void> {
    const [, methods = 0] = await read(client, 2);
    const offered = await read(client, methods);
    if (!offered.includes(2)) {
      client.end(Buffer.from([5, 0xff]));
      return;
    }
    client.write(Buffer.from([5, 2]));
    await read(client, 1);
    const user = await read(client, (await read(client, 1))[0] ?? 0);
    await read(client, (await read(client, 1))[0] ?? 0);
    client.write(Buffer.from([1, 0]));
    const [, , , type] = await read(client, 4);
    const host =
      type === 3
        ? (await read(client, (await read(client, 1))[0] ?? 0)).toString()
        : (await read(client, type === 1 ? 4 : 16)).join(".");
    const port = (await read(client, 2)).readUInt16BE();
    this.asked.push({ user: user.toString(), host, port });
    const relay = connect(port, "127.0.0.1");
    this.#keep(relay);
    relay.once("error", () => client.end(Buffer.from([5, 5, ...REPLY_TAIL])));
    await once(relay, "connect");
    client.write(Buffer.from([5, 0, ...REPLY_TAIL]));
    client.once("close", () => relay.destroy());
    relay.once("close", () => client.destroy());
    client.pipe(relay).pipe(client);
  }
}

/** Exactly so many bytes. */
async function read(socket: Socket, count: number): Promise<Buffer> {
  if (count === 0) return Buffer.alloc(0);
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes !== null) return bytes;
    if (socket.destroyed || socket.readableEnded) throw new Error("the client has gone");
    await Promise.race([once(socket, "readable"), once(socket, "close")]);
  }
}
