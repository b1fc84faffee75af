import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { OwnQueue, Queues } from "../queues/queues.ts";
import type { QueueSender, RelayClient, SendOutcome } from "../relay-client/relay-client.ts";
import { type BundleHeader, encodeBundle, hashOf, headerKey } from "./bundle.ts";
import { findBundles, readCells, removeBundles, requireFolder, writeBundle } from "./bundle-folder.ts";
import { type CarriedCells, CarriedQueue } from "./carried-queue.ts";
import { CarryStore, type CarryStream } from "./carry-store.ts";
import { BUNDLE_CELLS, QUIET, WAITING_MAX } from "./limits.ts";

export interface CarryOptions {
  readonly db: Database;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly random: (length: number) => Buffer;
  /** Letters to this contact may go another way from now on. */
  readonly hurry: (label: AddressLabel) => void;
}

export interface Exported {
  readonly bundles: number;
  /** Cells in them that contacts have not confirmed. */
  readonly cells: number;
}

export interface Imported {
  /** Cells that came by this import and are done with: stored, or known from before. */
  readonly cells: number;
  /** Cells that cannot be taken yet: letters that are not whole, a bundle that is missing before them. */
  readonly waiting: number;
  /** Own cells that contacts have confirmed. */
  readonly confirmed: number;
  /** Files that are of other people, or damaged from the first octets on. */
  readonly foreign: number;
  /** Bundles for this bridge whose cells were changed or cut short: nothing of them was used. */
  readonly damaged: number;
}

/** What is carried by hand, for the bridge. */
export interface Carrying {
  /** Contacts whose letters wait for a folder instead of going to a relay. */
  contacts(): readonly AddressLabel[];
  /** Cells that wait for being carried, or for being confirmed. */
  waiting(): number;
  setByHand(label: AddressLabel, byHand: boolean): void;
  /** Replaces what earlier exports of this bridge left in the folder. @throws Failure nonexistent, full */
  export(directory: string): Promise<Exported>;
  /** May be repeated with the same folder. @throws Failure nonexistent */
  import(directory: string): Promise<Imported>;
}

/** Own cells that wait for a contact's queue, or receipts for it; or an own queue. */
type Owner = { readonly stream: CarryStream } | { readonly queue: OwnQueue };
type CellsHeader = Extract<BundleHeader, { kind: "cells" }>;

/**
 * Carries cells in a folder, on a USB stick for instance. It stands before the client of the relays: what goes to a
 * contact that is written to by hand is kept until the contact's receipt comes back, whatever becomes of the stick; what
 * comes in a folder goes to the queue's reader as if its relay had pushed it.
 */
export class Carry implements Carrying {
  readonly #o: CarryOptions;
  readonly #store: CarryStore;
  readonly #byHand: Set<AddressLabel>;
  /** Queues with cells that wait, though their contact is written to through its relay again. */
  readonly #flushing = new Map<string, Promise<SendOutcome>>();
  #relays: RelayClient | undefined;
  readonly #live = new Map<string, CarriedQueue>();
  readonly #sources = new Map<string, CarriedCells>();
  #changed: () => void = () => undefined;

  constructor(options: CarryOptions) {
    this.#o = options;
    this.#store = new CarryStore(options.db);
    this.#byHand = new Set(this.#store.contacts());
  }

  /** The client with the folder beside the relays. */
  over(client: RelayClient): RelayClient {
    this.#relays = client;
    return {
      ...client,
      send: (relay, queue, cell) => this.#send(client, relay, queue, cell),
      subscribe: (relay, queue, subscriber) => {
        const parts = { db: this.#o.db, store: this.#store, onChange: () => this.#changed() };
        const carried = new CarriedQueue(parts, queue, subscriber);
        const key = keyOf(queue.recipientId);
        this.#live.set(key, carried);
        const subscription = carried.over(client.subscribe(relay, queue, carried.toRelay));
        // The reader has to have its subscription before the first cell comes.
        queueMicrotask(() => {
          if (this.#live.get(key) === carried) carried.feed(this.#sources.get(key));
        });
        return subscription;
      },
    };
  }

  contacts(): readonly AddressLabel[] {
    return [...this.#byHand];
  }

  waiting(): number {
    return this.#store.waiting();
  }

  setByHand(label: AddressLabel, byHand: boolean): void {
    this.#o.db.transaction(() => (byHand ? this.#store.addContact(label) : this.#store.removeContact(label)));
    if (byHand) this.#byHand.add(label);
    else this.#byHand.delete(label);
    const address = this.#o.queues.contact(label);
    if (!byHand && address !== undefined && this.#relays !== undefined)
      this.#flush(this.#relays, address.relay, address).catch(() => undefined);
    this.#o.hurry(label);
  }

  /** In the caller's transaction. */
  forget(label: AddressLabel): void {
    this.#store.forget(label);
    this.#o.db.afterCommit(() => this.#byHand.delete(label));
  }

  async export(directory: string): Promise<Exported> {
    await requireFolder(directory);
    const { db, queues, random } = this.#o;
    const own = queues.allOwn();
    db.transaction(() => this.#store.keepQueues(own.map(({ recipientId }) => recipientId)));
    const before = await findBundles(directory, this.#keys());
    const superseded = before.found.filter(({ owner, header }) => (header.kind === "cells") === "stream" in owner);
    let bundles = 0;
    let cells = 0;
    for (const stream of this.#store.streams()) {
      let previous = 0;
      for (;;) {
        const run = this.#store.cells(stream.id, previous + 1, BUNDLE_CELLS - 1);
        const [first] = run;
        if (first === undefined) break;
        const contents = run.map(({ cell }) => cell);
        const header = {
          kind: "cells",
          first: first.number,
          count: run.length,
          previous,
          hash: hashOf(contents),
        } as const;
        await writeBundle(directory, encodeBundle(stream.queueKey, header, contents, random));
        previous = first.number + run.length - 1;
        cells += run.length;
        bundles++;
      }
    }
    for (const { recipientId, queueKey } of own) {
      const receipt = this.#store.receipt(recipientId);
      if (receipt === undefined) continue;
      await writeBundle(directory, encodeBundle(queueKey, receipt, [], random));
      bundles++;
    }
    await removeBundles(superseded.map(({ path }) => path));
    return { bundles, cells };
  }

  async import(directory: string): Promise<Imported> {
    await requireFolder(directory);
    const { found, foreign } = await findBundles(directory, this.#keys());
    const incoming = new Map<OwnQueue, { readonly path: string; readonly header: CellsHeader }[]>();
    let confirmed = 0;
    for (const { path, owner, header } of found) {
      if ("stream" in owner && header.kind === "receipt")
        confirmed += await this.#o.db.commit(() => this.#store.confirm(owner.stream.id, header));
      if ("queue" in owner && header.kind === "cells")
        incoming.set(owner.queue, [...(incoming.get(owner.queue) ?? []), { path, header }]);
    }
    const total = { cells: 0, waiting: 0, damaged: 0 };
    // One queue at a time: its cells are in memory meanwhile, and a queue has no more than WAITING_MAX.
    for (const [queue, bundles] of incoming) {
      const cells = new FolderCells();
      for (const { path, header } of bundles) {
        const read = await readCells(path, header);
        if (read === undefined) total.damaged++;
        else cells.add(header, read);
      }
      const { taken, waiting } = await this.#take(queue, cells);
      total.cells += taken;
      total.waiting += waiting;
    }
    return { ...total, confirmed, foreign };
  }

  /** Gives the cells to the queue's reader, until all are done with or nothing moves any more. */
  async #take({ recipientId }: OwnQueue, cells: FolderCells): Promise<{ taken: number; waiting: number }> {
    const key = keyOf(recipientId);
    const open = () => cells.numbers().filter((number) => !this.#store.isTaken(recipientId, number)).length;
    const all = open();
    this.#sources.set(key, cells);
    this.#live.get(key)?.feed(cells);
    while (open() > 0 && (await this.#change())) {
      // Each change is looked at.
    }
    this.#sources.delete(key);
    this.#live.get(key)?.feed(undefined);
    const waiting = open();
    return { taken: all - waiting, waiting };
  }

  /** False if nothing changed for long. */
  #change(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#o.clock.after(QUIET, () => resolve(false));
      this.#changed = () => {
        cancel();
        resolve(true);
      };
    });
  }

  #keys(): { key: Buffer; owner: Owner }[] {
    return [
      ...this.#store.streams().map((stream) => ({ key: headerKey(stream.queueKey), owner: { stream } })),
      ...this.#o.queues.allOwn().map((queue) => ({ key: headerKey(queue.queueKey), owner: { queue } })),
    ];
  }

  #send(client: RelayClient, relay: RelayAddress, queue: QueueSender, cell: Uint8Array): Promise<SendOutcome> {
    const label = this.#byHandTo(queue.senderId);
    if (label !== undefined) return this.#keep(label, cell);
    return this.#waitsFor(queue) ? this.#sendBehind(client, relay, queue, cell) : client.send(relay, queue, cell);
  }

  /** What is kept for the queue goes there first. */
  async #sendBehind(
    client: RelayClient,
    relay: RelayAddress,
    queue: QueueSender,
    cell: Uint8Array,
  ): Promise<SendOutcome> {
    const outcome = await this.#flush(client, relay, queue);
    return outcome === "accepted" ? await client.send(relay, queue, cell) : outcome;
  }

  #waitsFor({ senderId }: QueueSender): boolean {
    const stream = this.#store.streamOf(senderId);
    return stream !== undefined && (this.#flushing.has(keyOf(senderId)) || this.#store.waiting(stream.id) > 0);
  }

  #byHandTo(senderId: Uint8Array): AddressLabel | undefined {
    const id = Buffer.from(senderId);
    for (const label of this.#byHand) {
      const address = this.#o.queues.contact(label);
      if (address !== undefined && id.equals(address.senderId)) return label;
    }
    return undefined;
  }

  async #keep(label: AddressLabel, cell: Uint8Array): Promise<SendOutcome> {
    return await this.#o.db.commit((): SendOutcome => {
      const address = this.#o.queues.contact(label);
      if (address === undefined) return "gone";
      const stream = this.#store.streamOf(address.senderId);
      if (stream !== undefined && this.#store.waiting(stream.id) >= WAITING_MAX) return "full";
      this.#store.append(label, address, cell);
      return "accepted";
    });
  }

  /** What still waits to be carried goes to the relay before anything newer does. */
  async #flush(client: RelayClient, relay: RelayAddress, queue: QueueSender): Promise<SendOutcome> {
    const key = keyOf(queue.senderId);
    const running = this.#flushing.get(key);
    if (running !== undefined) return await running;
    const stream = this.#store.streamOf(queue.senderId);
    if (stream === undefined || this.#store.waiting(stream.id) === 0) return "accepted";
    const flushing = this.#sendKept(client, relay, queue, stream).finally(() => this.#flushing.delete(key));
    this.#flushing.set(key, flushing);
    return await flushing;
  }

  async #sendKept(
    client: RelayClient,
    relay: RelayAddress,
    queue: QueueSender,
    stream: CarryStream,
  ): Promise<SendOutcome> {
    for (;;) {
      const [next] = this.#store.cells(stream.id, 1, 1);
      if (next === undefined) return "accepted";
      const outcome = await client.send(relay, queue, next.cell);
      if (outcome !== "accepted") return outcome;
      await this.#o.db.commit(() => this.#store.removeCell(stream.id, next.number));
    }
  }
}

/** The bundles for one queue that one folder has. */
class FolderCells implements CarriedCells {
  #runs: { readonly header: CellsHeader; readonly cells: readonly Buffer[] }[] = [];

  add(header: CellsHeader, cells: readonly Buffer[]): void {
    this.#runs = [...this.#runs, { header, cells }].sort((a, b) => a.header.first - b.header.first);
  }

  /** Each once, whatever number of bundles it is in. */
  numbers(): number[] {
    const all = this.#runs.flatMap(({ header: { first }, cells }) => cells.map((_, index) => first + index));
    return [...new Set(all)];
  }

  next(after: number, has: (number: number) => boolean): { number: number; cell: Buffer } | undefined {
    for (const { header, cells } of this.#runs) {
      const { first, count, previous } = header;
      if (first + count - 1 <= after) continue;
      const number = Math.max(first, after + 1);
      if (number > after + 1 && previous > after && !has(previous)) return undefined;
      const cell = cells[number - first];
      return cell === undefined ? undefined : { number, cell };
    }
    return undefined;
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString("hex");
}
