import { Failure } from "../foundation/failure.ts";

export interface HostPort {
  readonly host: string;
  /** 0 lets the system choose a free one at each start. */
  readonly port: number;
}

/** `HOST:PORT` or `[V6]:PORT`. @throws Failure invalid */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535)
    throw new Failure("invalid", `"${text}" is not HOST:PORT: write for instance 127.0.0.1:4143`);
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
