import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { onionKey } from "../../../bridge/network/onion-key.ts";
import { OnionService } from "../../../bridge/network/onion-service.ts";
import { TorControl } from "../../../bridge/network/tor-control.ts";
import type { FailureCode } from "../../../foundation/failure.ts";
import { silentLogger } from "../../../foundation/logger.ts";
import { FakeClock } from "../../relay/fake-clock.ts";

/** Made by tor 0.4.9.11 from this key. */
const VECTOR = {
  seed: Buffer.alloc(32, 7),
  host: "5jfgyy7ctrjavpxvkb5rglwf7gkuo5vox27hxescd3vgsfcg2iwfmxqd.onion",
  blob: "KK05/v1/o+IAqcYm7vWZ5hotBVxIqCiKTn5MS8o5KHicfW2zUG1l26x8BSqu5IV0JSEMm8VAMMgm5UBVmDRSpQ==",
};

/** Tor's control port as far as an onion service needs it. */
class TestTor {
  readonly commands: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #folder: string;
  methods = "COOKIE,SAFECOOKIE";
  cookie = randomBytes(32);
  port = 0;
  #waiting: (() => void)[] = [];

  constructor(folder: string) {
    this.#folder = folder;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => {
        this.#sockets.delete(socket);
        this.#changed();
      });
      void this.#serve(socket);
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<this> {
    await writeFile(join(this.#folder, 'the "cookie"'), this.cookie);
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async #serve(socket: Socket): Promise<void> {
    const nonce = randomBytes(32);
    let clientNonce = Buffer.alloc(0);
    const hash = (direction: string) =>
      createHmac("sha256", `Tor safe cookie authentication ${direction} hash`)
        .update(Buffer.concat([this.cookie, clientNonce, nonce]))
        .digest("hex");
    for await (const line of createInterface({ input: socket })) {
      const [command = "", argument = "", value = ""] = line.split(" ");
      if (command === "PROTOCOLINFO") {
        const file = join(this.#folder, 'the "cookie"').replaceAll('"', '\\"');
        socket.write(`250-PROTOCOLINFO 1\r\n250-AUTH METHODS=${this.methods} COOKIEFILE="${file}"\r\n250 OK\r\n`);
      } else if (command === "AUTHCHALLENGE") {
        clientNonce = Buffer.from(value, "hex");
        socket.write(
          `250 AUTHCHALLENGE SERVERHASH=${hash("server-to-controller").toUpperCase()} SERVERNONCE=${nonce.toString("hex")}\r\n`,
        );
      } else if (command === "AUTHENTICATE") {
        const fits = this.methods === "NULL" || argument === hash("controller-to-server");
        socket.write(fits ? "250 OK\r\n" : "515 Authentication failed\r\n");
      } else {
        socket.write(command === "ADD_ONION" ? "250-ServiceID=x\r\n250 OK\r\n" : "510 Unrecognized command\r\n");
        this.commands.push(line);
      }
      this.#changed();
    }
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

let folder: string;
let tor: TestTor;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-tor-"));
  tor = await new TestTor(folder).start();
});

afterEach(async () => {
  await tor.stop();
  await rm(folder, { recursive: true });
});

const place = () => ({ host: "127.0.0.1", port: tor.port });

async function refusal(): Promise<[FailureCode, string]> {
  return TorControl.open(place()).then(
    () => {
      throw new Error("it was let in");
    },
    (error: { code: FailureCode; message: string }) => [error.code, error.message],
  );
}

test("the address and the secret of an onion service follow from the seed as Tor itself says", () => {
  expect(onionKey(VECTOR.seed)).toEqual({ host: VECTOR.host, blob: VECTOR.blob });
});

test("the relay's service is added without being detached, again after Tor was restarted, and goes with the bridge", async () => {
  const clock = new FakeClock();
  const key = onionKey(VECTOR.seed);
  const target = { host: "127.0.0.1", port: 4000 };
  const service = new OnionService({ control: place(), key, target, clock, logger: silentLogger });
  const added = `ADD_ONION ED25519-V3:${VECTOR.blob} Flags=DiscardPK Port=4523,127.0.0.1:4000`;
  try {
    await tor.until(() => tor.commands.length === 1);
    while (!service.published) await new Promise((resolve) => setImmediate(resolve));
    await tor.stop();
    while (service.published) await new Promise((resolve) => setImmediate(resolve));
    tor.cookie = randomBytes(32);
    await tor.start();
    while (tor.commands.length === 1) {
      clock.advance(10_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(tor.commands).toEqual([added, added]);
  } finally {
    await service.stop();
  }
  await tor.until(() => tor.connections === 0);
  expect(service.published).toBe(false);
});

test("a control port without a secret is used as it is", async () => {
  tor.methods = "NULL";
  const control = await TorControl.open(place());
  expect(await control.request("ADD_ONION x")).toEqual(["ServiceID=x", "OK"]);
  await expect(control.request("NONSENSE")).rejects.toMatchObject({ code: "forbidden" });
  control.close();
});

test("what does not know Tor's cookie is not told it, and a password or nobody there is explained", async () => {
  tor.cookie = randomBytes(32);
  expect(await refusal()).toEqual(["forbidden", expect.stringContaining("it is not Tor")]);
  tor.methods = "HASHEDPASSWORD";
  expect(await refusal()).toEqual(["forbidden", expect.stringContaining("CookieAuthentication 1")]);
  await tor.stop();
  expect(await refusal()).toEqual(["unavailable", expect.stringContaining("ControlPort")]);
  await tor.start();
});
