import type { OverlayOptions } from "../../overlay-adapter/overlay.ts";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { Person } from "./person.ts";

const NEVER = new Promise<never>(() => undefined);

/** A person whose power is cut at the n-th step: before or after a request to the relay or a transaction. */
export class Doomed extends Person {
  #left = Number.POSITIVE_INFINITY;
  #crashed: (() => void) | undefined;
  #dead = false;
  /** How often the power came back. */
  revivals = 0;

  constructor(relay: RelayAddress, extra: Partial<OverlayOptions> = {}) {
    const box: { self?: Doomed } = {};
    super(relay, { ...extra, connect: (options) => watched(options, () => box.self?.reach() ?? true) });
    box.self = this;
    this.#watchCommits();
  }

  /** Cuts the power at the n-th step from now on; tells when it happened. */
  doom(steps: number, crashed: () => void): void {
    this.#left = steps;
    this.#crashed = crashed;
  }

  /** The power is off. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Takes back what `doom` said. */
  spare(): void {
    this.#left = Number.POSITIVE_INFINITY;
  }

  /** False at the step where the power is cut, and after it. */
  reach(): boolean {
    if (this.#dead) return false;
    if (--this.#left > 0) return true;
    this.#dead = true;
    this.crash();
    this.#crashed?.();
    return false;
  }

  revive(): void {
    this.revivals++;
    this.#dead = false;
    this.#left = Number.POSITIVE_INFINITY;
    this.open();
    this.#watchCommits();
  }

  #watchCommits(): void {
    const commit = this.db.commit.bind(this.db);
    this.db.commit = async <T>(work: () => T): Promise<T> => {
      if (!this.reach()) return NEVER;
      const result = await commit(work);
      return this.reach() ? result : NEVER;
    };
  }
}

function watched(options: RelayClientOptions, reach: () => boolean): RelayClient {
  const client = createRelayClient(options);
  const around =
    <A extends unknown[], R>(request: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (!reach()) return NEVER;
      const result = await request(...args);
      return reach() ? result : NEVER;
    };
  return {
    ...client,
    createQueue: around((...args: Parameters<RelayClient["createQueue"]>) => client.createQueue(...args)),
    send: around((...args: Parameters<RelayClient["send"]>) => client.send(...args)),
    deleteQueue: around((...args: Parameters<RelayClient["deleteQueue"]>) => client.deleteQueue(...args)),
    putSlot: around((...args: Parameters<RelayClient["putSlot"]>) => client.putSlot(...args)),
    claimSlot: around((...args: Parameters<RelayClient["claimSlot"]>) => client.claimSlot(...args)),
    slotStatus: around((...args: Parameters<RelayClient["slotStatus"]>) => client.slotStatus(...args)),
    uploadBlob: around((...args: Parameters<RelayClient["uploadBlob"]>) => client.uploadBlob(...args)),
    finishBlob: around((...args: Parameters<RelayClient["finishBlob"]>) => client.finishBlob(...args)),
    deleteBlob: around((...args: Parameters<RelayClient["deleteBlob"]>) => client.deleteBlob(...args)),
    async *readBlob(...args) {
      for await (const piece of client.readBlob(...args)) {
        if (!reach()) await NEVER;
        yield piece;
      }
    },
    deleteSlot: around((...args: Parameters<RelayClient["deleteSlot"]>) => client.deleteSlot(...args)),
    subscribe: (at, queue, subscriber) => {
      const subscription = client.subscribe(at, queue, subscriber);
      return {
        credit: (count) => subscription.credit(count),
        acknowledge: around((seqs: readonly number[]) => subscription.acknowledge(seqs)),
        close: () => subscription.close(),
      };
    },
  };
}
