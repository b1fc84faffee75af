import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

/** Octets that smtp-server holds back until it has seen what follows: an end of DATA is five. */
const HELD_BACK = 4;

/**
 * smtp-server's parser, which looks at the octets of a message one by one. Where no line begins with a dot there is nothing
 * to find, and the octets go on as they are; all else is left to it.
 */
export class DataParser extends SMTPStream {
  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const held = this._lastBytes;
    const octets = held === false ? chunk : Buffer.concat([held, chunk]);
    if (this._atDataStart || octets.length <= HELD_BACK || octets.includes("\n.", 0, "latin1")) {
      super._feedDataStream(chunk, done);
      return;
    }
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
