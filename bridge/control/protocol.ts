/**
 * The control connection between a running bridge and `postern` commands: one JSON value a line over loopback TCP.
 * The first line of a request carries the token from running.json, which only the home's owner can read.
 */
import type { FailureCode } from "../../foundation/failure.ts";

export interface ControlRequest {
  readonly token: string;
  readonly operation: string;
  readonly request: unknown;
}

export type ControlAnswer =
  | { readonly progress: unknown }
  | { readonly result: unknown }
  | { readonly error: { readonly code: FailureCode | "bug"; readonly message: string } };

/** What a running bridge writes to running.json in its home. */
export interface Running {
  readonly pid: number;
  readonly control: { readonly port: number; readonly token: string };
}

/** A request holds an invite or a path, or an authority's certificate: far below this many octets. */
export const MAX_REQUEST_LINE = 65_536;
