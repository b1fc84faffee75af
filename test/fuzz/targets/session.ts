import * as fc from "fast-check";
import { systemClock } from "../../../foundation/clock.ts";
import { DamagedMessages } from "../../../imap-front/damaged-messages.ts";
import { defaultLimits } from "../../../imap-front/limits.ts";
import { LoginThrottle } from "../../../imap-front/login-throttle.ts";
import { PreviewCache } from "../../../imap-front/preview-cache.ts";
import { Session, type SessionOptions } from "../../../imap-front/session.ts";
import { SortableCache } from "../../../imap-front/sort/sortable-cache.ts";
import { MemoryStore } from "../../imap-front/memory-store.ts";
import { ENCODED, LETTER, NESTED } from "../../imap-front/sample-messages.ts";
import { octets, type Target } from "../target.ts";
import { clientStream } from "./client-stream.ts";
import { command, IMAP_TOKENS } from "./imap-grammar.ts";

const BEGIN = "l LOGIN ann secret\r\ns SELECT INBOX\r\n";

function optionsFor(store: MemoryStore, bugs: unknown[]): SessionOptions {
  return {
    authenticator: store.authenticator("ann", "secret"),
    logger: (level, _event, fields) => {
      if (level === "error") bugs.push(fields);
    },
    clock: systemClock,
    limits: { ...defaultLimits, consecutiveErrors: 1000 },
    throttle: new LoginThrottle(systemClock),
    damaged: new DamagedMessages(),
    sortables: new SortableCache(10),
    previews: new PreviewCache(10),
    serverId: {},
    plaintextLogin: true,
    scramNonce: () => "fuzz",
    startTls: undefined,
  };
}

/** Whole sessions on a store in memory: whatever the client says, the server finds no bug in itself and comes to an end. */
export const session: Target = {
  name: "session",
  seeds: [
    "a FETCH 1:3 (FLAGS BODY[1.MIME] BINARY[1]<0.5> ENVELOPE BODYSTRUCTURE PREVIEW)\r\n",
    "a ENABLE QRESYNC\r\nb SELECT INBOX (QRESYNC (1001 1 1:3 (1:2 1:2)))\r\nc UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)\r\n",
    "a STORE 1:2 +FLAGS (\\Deleted)\r\nb MOVE 1 INBOX\r\nc EXPUNGE\r\nd SEARCH RETURN (SAVE) ALL\r\ne FETCH $ UID\r\n",
  ].map(octets),
  tokens: IMAP_TOKENS,
  structured: fc
    .array(command, { minLength: 1, maxLength: 6 })
    .map((all) => octets(all.map((text, index) => `t${index} ${text}\r\n`).join(""))),
  async run(said) {
    const store = new MemoryStore();
    for (const message of [LETTER, ENCODED, NESTED]) store.mailbox("INBOX")?.put(message);
    const bugs: unknown[] = [];
    const stream = clientStream(Buffer.concat([octets(BEGIN), said]), 1 + (said.length % 997));
    await new Session(stream, false, optionsFor(store, bugs)).run();
    stream.destroy();
    if (bugs.length > 0) throw new Error(`the server logged a bug: ${JSON.stringify(bugs)}`);
  },
};
