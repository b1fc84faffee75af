/** Where unguessable bytes come from: `randomBytes` of node:crypto, or a fixed source in tests. */
export type RandomSource = (length: number) => Uint8Array;
