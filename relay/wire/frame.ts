import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { type Acknowledge, acknowledge } from "./acknowledge.ts";
import {
  type Done,
  done,
  type Ok,
  ok,
  type Refused,
  refused,
  type SlotCell,
  type SlotState,
  type Subscribed,
  slotCell,
  slotState,
  subscribed,
} from "./answer.ts";
import {
  type BlobCreate,
  type BlobData,
  type BlobDelete,
  type BlobDone,
  type BlobGrant,
  type BlobRead,
  type BlobStored,
  type BlobSync,
  type BlobWrite,
  blobCreate,
  blobData,
  blobDelete,
  blobDone,
  blobGrant,
  blobRead,
  blobStored,
  blobSync,
  blobWrite,
} from "./blob.ts";
import { decodeBlock, encodeBlock } from "./block.ts";
import type { Codec } from "./codec.ts";
import { type Cover, cover, type Filler, filler, type Pace, pace } from "./cover.ts";
import { type Create, create } from "./create.ts";
import { type Credit, credit } from "./credit.ts";
import { type Delete, deleteQueue } from "./delete.ts";
import { type Carried, type Carry, carried, carry, type Forward, forward, type Tunnel, tunnel } from "./forward.ts";
import { type Hello, hello, type Versions, versions } from "./handshake.ts";
import { type Ping, ping } from "./ping.ts";
import { type Ended, ended, type Message, message } from "./push.ts";
import { type Send, send } from "./send.ts";
import {
  type SlotClaim,
  type SlotDelete,
  type SlotPut,
  type SlotStatus,
  slotClaim,
  slotDelete,
  slotPut,
  slotStatus,
} from "./slot.ts";
import { type Subscribe, subscribe } from "./subscribe.ts";

/** What a client sends after its hello. */
export type Command =
  | Create
  | Subscribe
  | Credit
  | Acknowledge
  | Send
  | Delete
  | SlotPut
  | SlotClaim
  | SlotStatus
  | SlotDelete
  | Ping
  | Forward
  | Tunnel
  | Pace
  | Cover
  | BlobCommand;

/** Those of them that version 2 of the protocol added. */
export type BlobCommand = BlobCreate | BlobGrant | BlobWrite | BlobSync | BlobRead | BlobDone | BlobDelete;

/** What a relay sends in answer to a command, with the command's correlation. */
export type Answer = Ok | Refused | Subscribed | SlotCell | SlotState | BlobStored;

/** What a relay sends unasked. */
export type Push = Message | Ended;

/** One block's content. A client numbers its commands as it likes; answers bear the number, all else bears 0. */
export interface Frame<M> {
  readonly correlation: number;
  readonly message: M;
}

/**
 *     payload = correlation type fields    ; u32, u8, and what the type says, up to the payload's end
 */
class Direction<M extends { readonly kind: string }> {
  readonly #byKind: ReadonlyMap<string, Codec<M>>;
  readonly #byType: ReadonlyMap<number, Codec<M>>;

  constructor(codecs: readonly unknown[]) {
    const all = codecs as readonly Codec<M>[];
    this.#byKind = new Map(all.map((codec) => [codec.kind, codec]));
    this.#byType = new Map(all.map((codec) => [codec.type, codec]));
  }

  encode(correlation: number, message: M): Buffer {
    const codec = this.#byKind.get(message.kind);
    if (codec === undefined) throw new Error(`no codec for ${message.kind}`);
    const writer = new ByteWriter().u32(correlation).u8(codec.type);
    codec.write(message, writer);
    return encodeBlock(writer);
  }

  /** Byte fields are views into the block. @throws DecodeError */
  decode(block: Buffer): Frame<M> {
    const reader = new ByteReader(decodeBlock(block));
    const correlation = reader.u32();
    const type = reader.u8();
    const codec = this.#byType.get(type);
    if (codec === undefined) throw new DecodeError(`unknown type ${type}`);
    const message = codec.read(reader);
    reader.end();
    return { correlation, message };
  }
}

/** Blocks from a client to a relay. */
export const toRelay = new Direction<Command | Hello | Carry>([
  hello,
  create,
  subscribe,
  credit,
  acknowledge,
  send,
  deleteQueue,
  slotPut,
  slotClaim,
  slotStatus,
  slotDelete,
  ping,
  forward,
  tunnel,
  carry,
  pace,
  cover,
  blobCreate,
  blobGrant,
  blobWrite,
  blobSync,
  blobRead,
  blobDone,
  blobDelete,
]);

/** Blocks from a relay to a client. */
export const toClient = new Direction<Versions | Push | Answer | Done | BlobData | Carried | Filler>([
  versions,
  message,
  ended,
  ok,
  done,
  refused,
  subscribed,
  slotCell,
  slotState,
  carried,
  filler,
  blobStored,
  blobData,
]);
