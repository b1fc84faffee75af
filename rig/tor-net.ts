/**
 * A private Tor network on loopback: five directory authorities that are guards, exits and directories for onion
 * services as well, and clients. It uses fixed ports, so it wants a network namespace of its own (`unshare -rn`), in
 * which nothing can leave the machine either. One network lives for some minutes: its time period is 24 votes long.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const AUTHORITIES = 5;
/** Milliseconds until all authorities agree: 8 to 18 seconds on an idle machine. */
const CONSENSUS_PATIENCE = 90_000;
const BOOTSTRAP_PATIENCE = 90_000;
const ROUTER_FLAGS = ["Exit", "Guard", "HSDir", "Running"];

export interface TorClient {
  readonly socks: { readonly host: string; readonly port: number };
  readonly control: { readonly host: string; readonly port: number };
}

export interface TorNet {
  readonly clients: readonly TorClient[];
  stop(): Promise<void>;
}

export function torInstalled(): boolean {
  return existsSync("/usr/sbin/tor") && existsSync("/usr/bin/tor-gencert");
}

/** Starts the network with so many clients, below `directory`; resolves when each client can build circuits. */
export async function startTorNet(directory: string, clients: number): Promise<TorNet> {
  const processes: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map(stopProcess));
  };
  try {
    const authorities = Array.from({ length: AUTHORITIES }, (_, index) => makeAuthority(directory, index));
    const common = commonLines(authorities);
    for (const { node, index } of authorities)
      processes.push(startTor(node, [...common, ...authorityLines(node, index)]));
    await waitFor("a consensus", CONSENSUS_PATIENCE, () => authorities.every(({ node }) => agrees(node)));
    const made = Array.from({ length: clients }, (_, index) => {
      const node = makeNode(directory, `client${index}`);
      const client = {
        socks: { host: "127.0.0.1", port: 15_300 + index },
        control: { host: "127.0.0.1", port: 15_400 + index },
      };
      const lines = [`SocksPort 127.0.0.1:${client.socks.port}`, `ControlPort 127.0.0.1:${client.control.port}`];
      processes.push(startTor(node, [...common, ...lines, "CookieAuthentication 1"]));
      return { node, client };
    });
    await waitFor("the clients", BOOTSTRAP_PATIENCE, () =>
      made.every(({ node }) => readIfThere(join(node, "notice.log")).includes("Bootstrapped 100%")),
    );
    return { clients: made.map(({ client }) => client), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Authority {
  readonly index: number;
  readonly node: string;
  /** Of the authority's identity key. */
  readonly identity: string;
  /** Of the relay that it also is. */
  readonly fingerprint: string;
}

function makeNode(directory: string, name: string): string {
  const node = join(directory, name);
  mkdirSync(join(node, "keys"), { recursive: true, mode: 0o700 });
  return node;
}

function makeAuthority(directory: string, index: number): Authority {
  const node = makeNode(directory, `auth${index}`);
  const keys = join(node, "keys");
  const certificate = join(keys, "authority_certificate");
  execFileSync(
    "tor-gencert",
    [
      "--create-identity-key --passphrase-fd 0 -m 12 -a".split(" "),
      `127.0.0.1:${15_100 + index}`,
      ["-i", join(keys, "authority_identity_key"), "-s", join(keys, "authority_signing_key"), "-c", certificate],
    ].flat(),
    { input: "a private net\n", stdio: ["pipe", "ignore", "ignore"], timeout: 60_000 },
  );
  const identity = /^fingerprint ([0-9A-F]{40})/m.exec(readFileSync(certificate, "latin1"))?.[1];
  const listed = execFileSync(
    "tor",
    [
      "--list-fingerprint --quiet --orport 1 --datadirectory".split(" "),
      node,
      ["--dirserver", `x 127.0.0.1:1 ${"f".repeat(40)}`],
    ].flat(),
    { encoding: "latin1", timeout: 60_000, stdio: ["ignore", "pipe", "ignore"] },
  );
  const fingerprint = /((?:[0-9A-F]{4} ?){10})/.exec(listed)?.[1]?.replaceAll(" ", "");
  if (identity === undefined || fingerprint === undefined) throw new Error("tor made no keys");
  return { index, node, identity, fingerprint };
}

function commonLines(authorities: readonly Authority[]): string[] {
  const settings = [
    "TestingTorNetwork 1",
    "ShutdownWaitLength 0",
    "NumCPUs 1",
    "AssumeReachable 1",
    "AddressDisableIPv6 1",
    "OutboundBindAddress 127.0.0.1",
    "PathsNeededToBuildCircuits 0.67",
    ...[
      "TestingClientDownloadInitialDelay",
      "TestingServerDownloadInitialDelay",
      "TestingClientConsensusDownloadInitialDelay",
      "TestingServerConsensusDownloadInitialDelay",
      "ClientBootstrapConsensusAuthorityDownloadInitialDelay",
      "ClientBootstrapConsensusFallbackDownloadInitialDelay",
      "ClientBootstrapConsensusAuthorityOnlyDownloadInitialDelay",
    ].map((name) => `${name} 0`),
    // The default scheduler waits 10 ms between writes, which on loopback is all that one would measure.
    "Schedulers KISTLite",
    "KISTSchedRunInterval 1 msec",
  ];
  const directories = authorities.map(
    ({ index, identity, fingerprint }) =>
      `DirAuthority auth${index} orport=${15_000 + index} no-v2 v3ident=${identity} 127.0.0.1:${15_100 + index} ${fingerprint}`,
  );
  return [...settings, ...directories];
}

function authorityLines(node: string, index: number): string[] {
  writeFileSync(join(node, "resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1\n");
  return [
    "Address 127.0.0.1",
    `ORPort 127.0.0.1:${15_000 + index}`,
    `DirPort 127.0.0.1:${15_100 + index}`,
    "SocksPort 0",
    "ExitRelay 1",
    "ExitPolicy accept *:*",
    "OutboundBindAddressExit 127.0.0.1",
    "ExitPolicyRejectPrivate 0",
    "ExitPolicyRejectLocalInterfaces 0",
    `ServerDNSResolvConfFile ${join(node, "resolv.conf")}`,
    "ServerDNSDetectHijacking 0",
    "ServerDNSAllowBrokenConfig 1",
    "ServerDNSTestAddresses localhost",
    "MaxMemInQueues 256 MB",
    "AuthoritativeDirectory 1",
    "V3AuthoritativeDirectory 1",
    "ContactInfo nobody@test.invalid",
    ...["V3Auth", "TestingV3AuthInitial"].flatMap((prefix) => [
      `${prefix}VotingInterval 10`,
      `${prefix}VoteDelay 2`,
      `${prefix}DistDelay 2`,
    ]),
    "TestingDirAuthVoteExit *",
    "TestingDirAuthVoteGuard *",
    "TestingDirAuthVoteHSDir *",
    "MinUptimeHidServDirectoryV2 0",
    "TestingMinExitFlagThreshold 0",
    "TestingMinFastFlagThreshold 0",
  ];
}

function startTor(node: string, lines: readonly string[]): ChildProcess {
  const name = node.split("/").at(-1);
  const own = [`DataDirectory ${node}`, `Nickname ${name}`, `Log notice file ${join(node, "notice.log")}`];
  writeFileSync(join(node, "torrc"), [...own, ...lines, ""].join("\n"));
  return spawn("tor", ["-f", join(node, "torrc"), "--quiet"], { stdio: "ignore" });
}

/** This authority's consensus knows all of them, as all that they are. */
function agrees(node: string): boolean {
  const flags = readIfThere(join(node, "cached-microdesc-consensus"))
    .split("\n")
    .filter((line) => line.startsWith("s "));
  return flags.length === AUTHORITIES && flags.every((line) => ROUTER_FLAGS.every((flag) => line.includes(` ${flag}`)));
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "latin1") : "";
}

async function waitFor(what: string, patience: number, done: () => boolean): Promise<void> {
  const end = Date.now() + patience;
  while (!done()) {
    if (Date.now() > end) throw new Error(`the private Tor net has not got as far as ${what}`);
    await pause(100);
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(timer);
}
