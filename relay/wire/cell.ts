/** Bytes of one sealed cell, the only thing that a queue or a slot holds. Always exactly that many, whatever it says inside. */
export const CELL_SIZE = 16_256;
