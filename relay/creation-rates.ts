import { Bucket } from "./bucket.ts";
import type { TokenRecord } from "./token-store.ts";

/** How fast the holders of each token make queues and slots; a program gone wild is slowed here. */
export class CreationRates {
  readonly #perHour: number;
  readonly #buckets = new Map<string, { readonly bucket: Bucket; readonly perHour: number }>();

  /** For tokens that say nothing of it. */
  constructor(perHour: number) {
    this.#perHour = perHour;
  }

  /** Whether one more may be made now, which then counts. An hour's worth may be made at once. */
  take(token: TokenRecord, now: number): boolean {
    const perHour = token.creationsPerHour ?? this.#perHour;
    let known = this.#buckets.get(token.name);
    if (known === undefined || known.perHour !== perHour) {
      known = { bucket: new Bucket({ perSecond: perHour / 3_600, burst: perHour }, now), perHour };
      this.#buckets.set(token.name, known);
    }
    return known.bucket.tryTake(now);
  }
}
