import { createHook } from "node:async_hooks";

/** What Node's own wrap of connect(2) is asked to reach. */
interface ConnectRequest {
  readonly address?: string;
  readonly port?: number;
}

/** Watches, below all of Node's modules, which addresses this process connects to and whether it asks for any name. */
export class OutgoingConnections {
  readonly #requests: ConnectRequest[] = [];
  lookUps = 0;
  readonly #hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === "TCPCONNECTWRAP") this.#requests.push(resource);
      if (type === "GETADDRINFOREQWRAP" || type === "QUERYWRAP") this.lookUps++;
    },
  });

  watch(): this {
    this.#hook.enable();
    return this;
  }

  stop(): void {
    this.#hook.disable();
  }

  /** How often this process tried to connect. */
  get tries(): number {
    return this.#requests.length;
  }

  /** `address:port`, each once. */
  places(): string[] {
    return [...new Set(this.#requests.map(({ address, port }) => `${address}:${port}`))];
  }
}
