import { setFlagsFromString } from "node:v8";

/** Percent by which the heap may grow over what was found in use, before all of it is looked through again. */
const HEAP_GROWTH = 100;

/**
 * Lets a bridge or relay with much to do use some more memory for less work. Left to itself, V8 marks the whole heap anew
 * whenever a tenth was added: under a stream of letters once for every hundred, in as many threads as there are.
 *
 * To be called once the start is over, whose garbage would stay otherwise.
 */
export function growHeapFreely(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
}
