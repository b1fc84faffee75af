import { syncDirectory } from "../foundation/durable-file.ts";

interface Running {
  readonly current: Promise<void>;
  next: Promise<void> | undefined;
}

/** Makes names in directories durable; whoever asks while a sync runs shares the one that follows it. */
export class DirectorySync {
  readonly #running = new Map<string, Running>();

  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#start(path);
    running.next ??= running.current.catch(() => undefined).then(() => this.#start(path));
    return running.next;
  }

  #start(path: string): Promise<void> {
    const current = syncDirectory(path).finally(() => {
      if (this.#running.get(path)?.current === current) this.#running.delete(path);
    });
    this.#running.set(path, { current, next: undefined });
    return current;
  }
}
