/** The three that are compared, each a process of its own on loopback, behind TLS. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type InitOutput, PosternServer, posternJson } from "../../rig/postern-process.ts";
import { PrivateDovecot } from "../../rig/private-dovecot.ts";
import type { ImapAccess } from "./connection.ts";

export type ServerName = "postern" | "dovecot" | "mail_crypt";

export interface MeasuredServer {
  readonly name: ServerName;
  readonly access: ImapAccess;
  readonly pid: number;
  /** All that it stores. */
  readonly folder: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it for good, even while it starts, and removes what it stored, unless that is kept. */
  remove(): Promise<void>;
}

/** Its home lies below `scratch`, which the caller removes; one that is there is used. */
export async function makePostern(scratch: string): Promise<MeasuredServer> {
  const home = join(scratch, "home");
  const account = await accountOf(scratch, home);
  const launch = () => PosternServer.start(scratch, "run", "--home", home);
  let launching = launch();
  let bridge = await launching;
  let removed = false;
  return {
    name: "postern",
    get access() {
      const { user, appPassword } = account;
      return { ...bridge.place("imap"), certificate: readFileSync(account.caFile), user, password: appPassword };
    },
    get pid() {
      return bridge.pid;
    },
    folder: home,
    start: async () => {
      if (removed) throw new Error("Postern was removed");
      launching = launch();
      bridge = await launching;
    },
    stop: () => bridge.stop(),
    remove: async () => {
      removed = true;
      await (await launching).stop();
    },
  };
}

async function accountOf(scratch: string, home: string): Promise<InitOutput> {
  const kept = join(scratch, "account.json");
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as InitOutput;
  const free = "127.0.0.1:0";
  const account = await posternJson<InitOutput>(scratch, "init", "--home", home, "--imap", free, "--smtp", free);
  writeFileSync(kept, JSON.stringify(account));
  return account;
}

/** It lies in a temporary folder that it removes itself, or in one that is kept. */
export async function makeDovecot(crypt: boolean, keptIn?: string): Promise<MeasuredServer> {
  const dovecot = await PrivateDovecot.start({ tls: true, crypt, ...(keptIn !== undefined && { keptIn }) });
  const { user, password, port, certificate } = dovecot;
  let removed = false;
  return {
    name: crypt ? "mail_crypt" : "dovecot",
    access: { host: "127.0.0.1", port, certificate, user, password },
    get pid() {
      return dovecot.pid;
    },
    folder: dovecot.home,
    start: async () => {
      if (removed) throw new Error("Dovecot was removed");
      await dovecot.resume();
    },
    stop: () => dovecot.interrupt(),
    remove: async () => {
      removed = true;
      await dovecot.stop();
    },
  };
}
