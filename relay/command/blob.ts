import {
  BLOB_DATA_MAX,
  type BlobCreate,
  type BlobData,
  type BlobDelete,
  type BlobDone,
  type BlobGrant,
  type BlobRead,
  type BlobSync,
  type BlobWrite,
  blobCreateFields,
  blobGrantFields,
  blobReadFields,
} from "../wire/blob.ts";
import { verifyCommand } from "../wire/proof.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";
import { admitCreation } from "./token.ts";

export async function handleBlobCreate(command: BlobCreate, context: CommandContext): Promise<Outcome> {
  const { store, limits, time, exporter, counters, writing } = context;
  const { blobId, ownerKey, octets, signature } = command;
  if (!verifyCommand(ownerKey, "BLOB_CREATE", exporter, blobCreateFields(command), signature))
    return refuse("forbidden");
  const token = await admitCreation(command.token, context);
  if (!Buffer.isBuffer(token)) return token;
  if (octets < 1 || octets > limits.blobOctets) return refuse("invalid");
  const opened = await store.blobs.create({ blobId, ownerKey, octets }, token, time.now());
  if (opened.kind !== "open") return refuse(opened.kind);
  counters.add("blobs_created");
  writing.open(blobId, opened.stored, octets);
  return { answer: { kind: "blob-stored", octets: opened.stored } };
}

export async function handleBlobGrant(command: BlobGrant, context: CommandContext): Promise<Outcome> {
  const { blobs } = context.store;
  const key = await blobs.ownerKey(command.blobId);
  if (
    key === undefined ||
    !verifyCommand(key, "BLOB_GRANT", context.exporter, blobGrantFields(command), command.signature)
  )
    return refuse("no-blob");
  const result = await blobs.grant(command.blobId, command.readers);
  return result === "granted" ? OK : refuse(result);
}

/** Has no answer, but counts as under way until it is written: so nobody is read from faster than the disk takes it. */
export async function handleBlobWrite(command: BlobWrite, { writing, counters }: CommandContext): Promise<undefined> {
  counters.add("blob_octets_received", command.bytes.length);
  await writing.write(command);
}

export async function handleBlobSync({ blobId }: BlobSync, { writing }: CommandContext): Promise<Outcome> {
  const octets = await writing.sync(blobId);
  return octets === undefined ? refuse("no-blob") : { answer: { kind: "blob-stored", octets } };
}

export async function handleBlobRead(command: BlobRead, context: CommandContext): Promise<Outcome> {
  const { store, exporter, cover, counters } = context;
  const { readId, offset, length, signature } = command;
  // Many blocks for one would end the pace that hides what is done here.
  if (cover.paced) return refuse("invalid");
  const key = await store.blobs.readKey(readId);
  if (key === undefined || !verifyCommand(key, "BLOB_READ", exporter, blobReadFields(command), signature))
    return refuse("no-blob");
  const bytes = await store.blobs.read(readId, offset, length);
  if (bytes === "incomplete") return refuse("retry");
  if (typeof bytes === "string") return refuse(bytes);
  counters.add("blob_octets_sent", length);
  const parts: BlobData[] = [];
  for (let at = 0; at < length; at += BLOB_DATA_MAX)
    parts.push({ kind: "blob-data", offset: offset + at, bytes: bytes.subarray(at, at + BLOB_DATA_MAX) });
  return { ...OK, parts };
}

export async function handleBlobDone({ readId, signature }: BlobDone, context: CommandContext): Promise<Outcome> {
  const { blobs } = context.store;
  const key = await blobs.readKey(readId);
  if (key === undefined || !verifyCommand(key, "BLOB_DONE", context.exporter, readId, signature))
    return refuse("no-blob");
  return (await blobs.finish(readId)) ? OK : refuse("no-blob");
}

export async function handleBlobDelete({ blobId, signature }: BlobDelete, context: CommandContext): Promise<Outcome> {
  const { blobs } = context.store;
  const key = await blobs.ownerKey(blobId);
  if (key === undefined || !verifyCommand(key, "BLOB_DELETE", context.exporter, blobId, signature))
    return refuse("no-blob");
  return (await blobs.remove(blobId)) ? OK : refuse("no-blob");
}
