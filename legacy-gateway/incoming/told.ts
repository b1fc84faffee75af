import type { ExpungeEvent, ImapFlow } from "imapflow";
import { isUid } from "../../imap-client/uids.ts";
import type { RemoteFlags } from "./remote-flags.ts";

/** Letters of one folder of which a provider may tell before all is compared instead. */
const MOST_TOLD = 5_000;

/** What the provider told of one folder's letters. */
export interface ToldOfFolder {
  readonly flags: RemoteFlags[];
  readonly vanished: number[];
}

export interface ToldListener {
  /** There are more letters in the folder than before. */
  onNew(path: string): void;
  /** Something changed in the folder, but what is not known: all has to be compared. */
  onUnclear(path: string): void;
  /** Something was told, or the connection has ended. */
  onAny(): void;
}

/**
 * What the provider tells by itself, in IDLE, with the answers to other commands, and when a folder is opened again
 * (QRESYNC, RFC 7162 section 3.2.5). It is kept by folder: UIDs mean nothing without it.
 */
export class Told {
  readonly #folders = new Map<string, ToldOfFolder>();
  #client: ImapFlow | undefined;
  #listener: ToldListener | undefined;

  /** The connection is there, and somebody for whom it is told. */
  listen(client: ImapFlow, listener: ToldListener): void {
    this.#client = client;
    this.#listener = listener;
    client.on("exists", ({ path, count, prevCount }) => {
      if (count > prevCount) listener.onNew(path);
      listener.onAny();
    });
    client.on("flags", ({ path, uid, flags }) => {
      this.#note(path, uid, (told, known) => told.flags.push({ uid: known, flags: [...flags] }));
    });
    client.on("close", () => listener.onAny());
  }

  /**
   * A letter vanished. A provider can name billions of them in a few octets, which the library goes through one by one:
   * above the bound the connection is ended, and the last one never done.
   */
  async vanished({ path, uid }: ExpungeEvent): Promise<void> {
    if (this.#note(path, uid, ({ vanished }, known) => vanished.push(known))) return;
    if (!isUid(uid)) return;
    this.#client?.close();
    await new Promise(() => undefined);
  }

  get isEmpty(): boolean {
    return this.#folders.size === 0;
  }

  /** All that was told since the last time, by the folder's path. */
  take(): [path: string, told: ToldOfFolder][] {
    const taken = [...this.#folders];
    this.#folders.clear();
    return taken;
  }

  /** The folder was numbered anew: what was told before is of other letters. */
  forget(path: string): void {
    this.#folders.delete(path);
  }

  /** False where it says nothing, or there is too much. */
  #note(path: string, uid: unknown, add: (told: ToldOfFolder, uid: number) => void): boolean {
    const told = this.#folders.get(path) ?? { flags: [], vanished: [] };
    const fits = isUid(uid) && told.flags.length + told.vanished.length < MOST_TOLD;
    if (fits) {
      add(told, uid);
      this.#folders.set(path, told);
    } else this.#listener?.onUnclear(path);
    this.#listener?.onAny();
    return fits;
  }
}
