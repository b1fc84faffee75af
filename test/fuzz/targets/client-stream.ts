import { Duplex } from "node:stream";

/** A connection on which a client said all it has to say and closed its side; what is sent to it is dropped. */
export function clientStream(said: Buffer, packet: number): Duplex {
  let at = 0;
  return new Duplex({
    allowHalfOpen: true,
    read() {
      if (at >= said.length) this.push(null);
      else this.push(said.subarray(at, at + packet));
      at += packet;
    },
    write(_chunk, _encoding, done) {
      done();
    },
  });
}
