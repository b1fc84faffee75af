import { DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { RECOVERY_GENERATIONS } from "../../keyring/limits.ts";
import { type RecoverySecret, recoverySecret } from "../../keyring/recovery-secret.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { RelayClient } from "../relay-client/relay-client.ts";
import { decodeRecord, type RecoveryRecord } from "./record.ts";
import { joinRecord, openRecordCell, type RecordCell, type RecordPlace, recordSlot } from "./record-cells.ts";
import type { RecordTrace } from "./record-keeper.ts";

export interface FoundRecord {
  readonly record: RecoveryRecord;
  readonly generation: number;
  /** When it was written; milliseconds since 1970, by the lost device's clock. */
  readonly version: number;
  readonly relay: RelayAddress;
}

export interface RecordSearch {
  /** Of the highest generation, and in it the newest that is whole. */
  readonly found: FoundRecord | undefined;
  /** All that lies there, to be removed later. */
  readonly traces: readonly RecordTrace[];
  /** Relays that did not answer, with why. */
  readonly silent: readonly { readonly relay: RelayAddress; readonly why: Failure }[];
}

interface Candidate {
  readonly secret: RecoverySecret;
  readonly relay: RelayAddress;
  readonly place: RecordPlace;
  readonly first: RecordCell;
}

/** Looks for the recovery record at these relays. Reading changes nothing there, and may be repeated with the same words. */
export async function findRecord(
  client: RelayClient,
  relays: readonly RelayAddress[],
  masterSeed: Uint8Array,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<RecordSearch> {
  const candidates: Candidate[] = [];
  const silent: { relay: RelayAddress; why: Failure }[] = [];
  const secrets = Array.from({ length: RECOVERY_GENERATIONS }, (_, at) => recoverySecret(masterSeed, at));
  for (const relay of relays) {
    try {
      const looks = secrets.flatMap((secret) =>
        ([0, 1] as const).map(async (place) => {
          const first = await read(client, relay, secret, place, 0);
          return first && { secret, relay, place, first };
        }),
      );
      candidates.push(...(await Promise.all(looks)).filter((one) => one !== undefined));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      silent.push({ relay, why: error });
    }
  }
  candidates.sort((a, b) => b.secret.generation - a.secret.generation || b.first.version - a.first.version);
  const traces = candidates.map(({ secret: { generation }, relay, first: { cells } }) => ({
    generation,
    relay,
    cells,
  }));
  for (const { secret, relay, place, first } of candidates) {
    const cells: (RecordCell | undefined)[] = [first];
    while (cells.length < first.cells) {
      cells.push(await read(client, relay, secret, place, cells.length));
      onProgress(cells.length, first.cells);
    }
    const record = decoded(joinRecord(cells));
    if (record === undefined) continue;
    return { found: { record, generation: secret.generation, version: first.version, relay }, traces, silent };
  }
  return { found: undefined, traces, silent };
}

async function read(
  client: RelayClient,
  relay: RelayAddress,
  { secret }: RecoverySecret,
  place: RecordPlace,
  index: number,
): Promise<RecordCell | undefined> {
  const { slotId, claimSeed } = recordSlot(secret, place, index);
  const claim = await client.claimSlot(relay, slotId, claimSeed);
  return claim.kind === "cell" ? openRecordCell(secret, claim.cell) : undefined;
}

function decoded(bytes: Buffer | undefined): RecoveryRecord | undefined {
  try {
    return bytes && decodeRecord(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
