import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { ContainerReader } from "../../bridge/translate/container-reader.ts";
import { writeContainer } from "../../bridge/translate/container-writer.ts";
import { addressLabel } from "../../foundation/address.ts";
import { decodeAccountState, signAccountState, verifyAccountState } from "../../keyring/account-state.ts";
import { issueCertificate } from "../../keyring/admin-certificate.ts";
import { signingKey } from "../../keyring/ed25519.ts";
import { blobChunks, blobOctets } from "../../overlay-adapter/blobs/blob-content.ts";
import { openReference, readerOf, sealReference } from "../../overlay-adapter/blobs/blob-reference.ts";
import { formatInviteLink, parseInviteLink } from "../../overlay-adapter/contacts/invite-link.ts";
import { chunkSize, ManifestHash, openChunk, sealChunk } from "../../overlay-adapter/letters/letter-content.ts";
import {
  decodeLetterHeader,
  encodeLetterHeader,
  letterCommitment,
} from "../../overlay-adapter/letters/letter-header.ts";
import { openCell, sealCell } from "../../overlay-adapter/queues/cell-seal.ts";
import { decodeControl, encodeControl } from "../../overlay-adapter/sessions/control.ts";
import { blobReadFields } from "../../relay/wire/blob.ts";
import { signingKey as relaySigningKey, signCommand } from "../../relay/wire/proof.ts";

/** docs/test-vectors/overlay.json: inputs as they are, octets in hexadecimal, long results as their SHA-256. */
const vectors = JSON.parse(readFileSync("docs/test-vectors/overlay.json", "utf8"));

const hex = (text: string) => Buffer.from(text, "hex");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function* pieces(...content: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* content;
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

test("a cell is sealed as the vector says, opens, and does not open for another use or with a flipped bit", () => {
  const { queueKey, nonce, inner, cellStart, cellSha256 } = vectors.cell;
  const cell = sealCell(hex(queueKey), "postern cell 1", hex(inner), hex(nonce));
  expect(cell.subarray(0, 64).toString("hex")).toBe(cellStart);
  expect(sha256(cell)).toBe(cellSha256);
  expect(openCell(hex(queueKey), "postern cell 1", cell)?.subarray(0, hex(inner).length)).toEqual(hex(inner));
  expect(openCell(hex(queueKey), "postern invite 1 bundle", cell)).toBeUndefined();
  cell.writeUInt8(cell.readUInt8(100) ^ 1, 100);
  expect(openCell(hex(queueKey), "postern cell 1", cell)).toBeUndefined();
});

test("a letter's header has the octets of the vector", () => {
  const { encoded, commitment, ...fields } = vectors.letterHeader;
  const header = {
    kind: fields.kind,
    flags: fields.flags,
    contentKey: hex(fields.contentKey),
    manifestHash: hex(fields.manifestHash),
    id: hex(fields.letterId),
    seq: fields.seq,
    prevHash: hex(fields.prevHash),
    size: fields.size,
    stateHash: hex(fields.stateHash),
    mark: hex(fields.mark),
  };
  expect(encodeLetterHeader(header).toString("hex")).toBe(encoded);
  expect(decodeLetterHeader(hex(encoded))).toEqual(header);
  expect(letterCommitment(header).toString("hex")).toBe(commitment);
});

test("chunks of a content are sealed as the vector says, and the manifest hash is over content and size", () => {
  const { contentKey, contentOctet, size, manifestHash, chunkSha256 } = vectors.content;
  const content = Buffer.alloc(size, contentOctet);
  const hash = new ManifestHash();
  hash.update(content);
  expect(hash.digest(size).toString("hex")).toBe(manifestHash);
  const first = sealChunk(hex(contentKey), 0, content.subarray(0, chunkSize(0)));
  const second = sealChunk(hex(contentKey), 1, content.subarray(chunkSize(0)));
  expect([sha256(first), sha256(second)]).toEqual(chunkSha256);
  expect(openChunk(hex(contentKey), 1, first)).toBeUndefined();
});

test("a letter's blob has the size of the vector, and its reference and its reader's proof the octets", () => {
  const { contentKey, tag, relay, readSecret, sealedStart, sealedSha256, device, readId, readSeed, read, sizes } =
    vectors.blob;
  const reference = { relay: { ...relay, pin: hex(relay.pin) }, readSecret: hex(readSecret) };
  const sealed = sealReference(hex(contentKey), hex(tag), reference);
  expect(sealed.subarray(0, 64).toString("hex")).toBe(sealedStart);
  expect(sha256(sealed)).toBe(sealedSha256);
  expect(openReference(hex(contentKey), hex(tag), sealed)).toEqual(reference);
  expect(openReference(hex(contentKey), Buffer.alloc(16), sealed)).toBeUndefined();
  const reader = readerOf(hex(readSecret), device);
  expect([reader.readId, reader.readSeed]).toEqual([hex(readId), hex(readSeed)]);
  const { offset, length } = read;
  const fields = blobReadFields({ readId: hex(readId), offset, length });
  const signature = signCommand(relaySigningKey(reader.readSeed), "BLOB_READ", hex(read.exporter), fields);
  expect(signature.toString("hex")).toBe(read.signature);
  for (const { size, chunks, octets } of sizes) expect([blobChunks(size), blobOctets(size)]).toEqual([chunks, octets]);
});

test("receipts have the octets of the vector", () => {
  const { kind, letterId, headerHash, encoded } = vectors.receipts;
  const control = { kind, receipts: [{ letter: hex(letterId), headerHash: hex(headerHash) }] };
  expect(encodeControl(control).toString("hex")).toBe(encoded);
  expect(decodeControl(hex(encoded))).toEqual(control);
});

test("an overlay message has the octets of the vector, and gives the body back", async () => {
  const { header, body, encoded } = vectors.container;
  const written = await collect(writeContainer(Buffer.from(header), pieces(Buffer.from(body))));
  expect(written.toString("hex")).toBe(encoded);
  const reader = new ContainerReader(pieces(hex(encoded)));
  expect((await reader.header()).toString()).toBe(header);
  expect((await collect(reader.body())).toString()).toBe(body);
});

test("an account state has the octets, the hash and the label of the vector, and is valid", () => {
  const { masterSeed, adminSeed, issuedAt, expiresAt, epoch, device, relays, label, hash, encoded } =
    vectors.accountState;
  const [master, admin] = [signingKey(hex(masterSeed)), signingKey(hex(adminSeed))];
  const signed = signAccountState(
    {
      masterPublicKey: master.publicKey,
      epoch,
      prevHash: Buffer.alloc(32),
      certificate: issueCertificate(master, admin.publicKey, issuedAt, expiresAt),
      devices: [{ ...device, identityKey: hex(device.identityKey) }],
      revoked: [],
      relays,
    },
    admin,
  );
  expect(signed.bytes.toString("hex")).toBe(encoded);
  expect(signed.hash.toString("hex")).toBe(hash);
  expect(addressLabel(master.publicKey)).toBe(label);
  expect(decodeAccountState(hex(encoded)).kind).not.toBe("invalid");
  expect(verifyAccountState(hex(encoded), issuedAt).kind).not.toBe("invalid");
});

test("an invite's link has the characters of the vector, and a mistyped one is refused", () => {
  const { expiresAt, secret, commitment, pin, host, port, link } = vectors.inviteLink;
  const parsed = parseInviteLink(link);
  expect(parsed).toMatchObject({ expiresAt, secret: hex(secret), relay: { host, port, pin: hex(pin) } });
  expect(formatInviteLink(parsed, hex(commitment))).toBe(link);
  expect(() => parseInviteLink(link.replace(/.$/, (last: string) => (last === "A" ? "B" : "A")))).toThrow();
});
