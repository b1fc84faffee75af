import { parentPort, workerData } from "node:worker_threads";
import { type Finding, fuzzTarget } from "./fuzz-target.ts";
import { targets } from "./targets.ts";

/** What the thread is to do; `shared` holds a count of inputs, the present one's length, and its octets. */
export interface WorkOrder {
  readonly target: string;
  readonly seed: number;
  readonly from: number;
  readonly seconds: number;
  readonly shared: SharedArrayBuffer;
}

export interface Report {
  readonly inputs: number;
  readonly seconds: number;
  readonly finding?: Finding;
  /** Most memory that the process had at a time, in MB. */
  readonly peakMb: number;
}

const order = workerData as WorkOrder;
const target = targets.find(({ name }) => name === order.target);
if (target === undefined) throw new Error("no such target");

const head = new Int32Array(order.shared, 0, 2);
const room = new Uint8Array(order.shared, 8);
const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;

const result = await fuzzTarget(target, {
  seed: order.seed,
  from: order.from,
  enough: (inputs) => (inputs & 63) === 0 && elapsed() >= order.seconds,
  before(input) {
    room.set(input.subarray(0, room.length));
    Atomics.store(head, 1, input.length);
    Atomics.add(head, 0, 1);
  },
});
const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
// oxlint-disable-next-line require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage({ ...result, seconds: elapsed(), peakMb } satisfies Report);
