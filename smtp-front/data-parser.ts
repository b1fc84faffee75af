import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

/** Octets that smtp-server holds back until it has seen what follows: an end of DATA is five. */
const HELD_BACK = 4;

const DOT = 46;
const CR = 13;
const LF = 10;

/**
 * smtp-server's parser, which looks at the octets of a message one by one. Where no line begins with a dot, or the first
 * one that does ends the message, there is nothing to look for; all else is left to it.
 */
export class DataParser extends SMTPStream {
  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const held = this._lastBytes;
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

  #handOn(octets: Buffer, done: (error?: Error | null) => void): void {
    const stream = this._dataStream;
    this._lastBytes = octets.subarray(-HELD_BACK);
    const ready = octets.subarray(0, -HELD_BACK);
    this._countDataBytes(ready.length);
    if (!stream?.writable || stream.write(ready) || stream.destroyed) {
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
