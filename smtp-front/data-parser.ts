import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

/** Octets that smtp-server holds back until it has seen what follows: an end of DATA is five. */
const HELD_BACK = 4;

/** Octets of a message that go on together at most: four records of TLS, as many as are read at a time. */
const TOGETHER = 65_536;

const DOT = 46;
const CR = 13;
const LF = 10;

/**
 * smtp-server's parser, which looks at the octets of a message one by one. Where no line begins with a dot, or the first
 * one that does ends the message, there is nothing to look for; all else is left to it. What comes in one turn of the
 * event loop in the middle of a message goes on together.
 */
export class DataParser extends SMTPStream {
  #gathered: Buffer[] = [];
  #octetsGathered = 0;
  #handingOn: NodeJS.Immediate | undefined;

  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const held = this._lastBytes;
    if (held !== false && chunk.length > HELD_BACK && !this.#beginsWithDot(held) && !hasDottedLine(held, chunk)) {
      this.#gather(held, chunk, done);
      return;
    }
    this.#handOnGathered();
    const octets = held === false ? chunk : Buffer.concat([held, chunk]);
    const { length } = octets;
    if (length <= HELD_BACK || (this._atDataStart && octets[0] === DOT)) {
      super._feedDataStream(chunk, done);
      return;
    }
    const dot = octets.indexOf("\n.", 1, "latin1") + 1;
    if (dot === 0 || dot >= length - 2) this.#handOn(octets, done);
    else if (octets[dot - 2] === CR && octets[dot + 1] === CR && octets[dot + 2] === LF) {
      this._lastBytes = false;
      this._countDataBytes(dot);
      this._endDataMode(octets.subarray(0, dot), octets.subarray(dot + 3), done);
    } else super._feedDataStream(chunk, done);
  }

  /** What is held back is the beginning of the message, and may be its end: a dot alone. */
  #beginsWithDot(held: Buffer): boolean {
    return this._atDataStart && (held.length === 0 || held[0] === DOT);
  }

  #handOn(octets: Buffer, done: (error?: Error | null) => void): void {
    const stream = this._dataStream;
    this._lastBytes = octets.subarray(-HELD_BACK);
    const ready = octets.subarray(0, -HELD_BACK);
    this._countDataBytes(ready.length);
    if (stream?.writable) stream.write(ready);
    this.#onceDrained(done);
  }

  #gather(held: Buffer, chunk: Buffer, done: () => void): void {
    this._lastBytes = chunk.subarray(-HELD_BACK);
    this.#gathered.push(held, chunk.subarray(0, -HELD_BACK));
    const octets = held.length + chunk.length - HELD_BACK;
    this._countDataBytes(octets);
    this.#octetsGathered += octets;
    if (this.#octetsGathered >= TOGETHER) this.#handOnGathered();
    else this.#handingOn ??= setImmediate(() => this.#handOnGathered());
    this.#onceDrained(done);
  }

  #handOnGathered(): void {
    clearImmediate(this.#handingOn);
    this.#handingOn = undefined;
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    if (this._dataStream?.writable) this._dataStream.write(Buffer.concat(gathered, this.#octetsGathered));
    this.#octetsGathered = 0;
  }

  #onceDrained(done: () => void): void {
    const stream = this._dataStream;
    if (!stream?.writable || !stream.writableNeedDrain) {
      done();
      return;
    }
    // A stream that is destroyed never drains, it only closes.
    const goOn = () => {
      stream.off("drain", goOn);
      stream.off("close", goOn);
      done();
    };
    stream.on("drain", goOn);
    stream.on("close", goOn);
  }
}

/** Whether a line may begin with a dot in these octets. */
function hasDottedLine(held: Buffer, chunk: Buffer): boolean {
  return chunk.includes("\n.", 0, "latin1") || Buffer.concat([held, chunk.subarray(0, 1)]).includes("\n.", 0, "latin1");
}
