import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { errorCode, Failure } from "../foundation/failure.ts";
import { isLoopback } from "../foundation/loopback.ts";
import { formatProxyUrl, parseProxyUrl, type SocksProxy } from "../foundation/proxy-url.ts";
import type { LookupPlace } from "../legacy-gateway/openpgp/key-lookup.ts";
import { formatRelayUrl, parseRelayUrl, type RelayAddress } from "../relay/relay-url.ts";
import { formatHostPort, type HostPort, parseHostPort } from "./host-port.ts";
import { parseOctetSize } from "./octet-size.ts";
import { editDistance } from "./submission/edit-distance.ts";

/** What config.toml in the home says; config.example.toml explains every key. */
export interface Config {
  readonly imap: HostPort;
  readonly smtp: HostPort;
  /** A relay elsewhere, as `postern-relay://...`; where absent, the bridge runs its own. */
  readonly relayUrl?: string;
  /** Further relays: queues move to the first of them that answers, should the other one die. */
  readonly spareRelays?: readonly RelayAddress[];
  readonly embeddedRelay: {
    readonly listen: HostPort;
    readonly advertise?: HostPort;
    /** Tor's control port: the relay is an onion service then. */
    readonly onion?: HostPort;
  };
  /** Blocks go at once, with dummies now and then, or at random times alone; the mean between them in seconds. */
  readonly cover: { readonly mode: "instant" | "scheduled"; readonly interval: number };
  /** All relays but the bridge's own are reached through it. */
  readonly proxy?: SocksProxy;
  /** `postern-relay://...` of entry relays: contacts' relays are reached through them. */
  readonly entries?: readonly string[];
  /** Octets that mail may take; as much as the disk has where absent. */
  readonly mailQuota?: number;
  /** Where OpenPGP keys of old addresses may be asked for; nobody is asked where absent. */
  readonly keyLookup?: readonly LookupPlace[];
  readonly passphraseFile?: string;
  readonly keyFile?: string;
  /** Contacts learn, some minutes later, that their letters were taken. */
  readonly sendReceipts: boolean;
  /** Contacts to whom a letter goes together are offered to each other. */
  readonly introduceCoRecipients: boolean;
  /** Fronts may listen beyond loopback. */
  readonly allowRemote: boolean;
  readonly logLevel: "error" | "warn" | "info" | "debug";
}

export const DEFAULT_CONFIG: Config = {
  imap: { host: "127.0.0.1", port: 4143 },
  smtp: { host: "127.0.0.1", port: 4587 },
  embeddedRelay: { listen: { host: "127.0.0.1", port: 4523 } },
  sendReceipts: true,
  introduceCoRecipients: true,
  cover: { mode: "instant", interval: 300 },
  allowRemote: false,
  logLevel: "info",
};

/** The settings that come from outside of files; the only place that reads the environment. */
export interface Environment {
  readonly home: string;
  readonly keyDirectory: string;
}

export function readEnvironment(variables: NodeJS.ProcessEnv, homeOption: string | undefined): Environment {
  const data = variables["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share");
  const configuration = variables["XDG_CONFIG_HOME"] ?? join(homedir(), ".config");
  return {
    home: resolve(homeOption ?? variables["POSTERN_HOME"] ?? join(data, "postern")),
    keyDirectory: join(configuration, "postern"),
  };
}

/** Tor's control port says who may use it, but not that nobody reads along. */
function parseControlPort(text: string): HostPort {
  const address = parseHostPort(text);
  if (!isLoopback(address.host)) throw new Failure("invalid", "Tor's control port must be on this machine (127.0.0.1)");
  return address;
}

type Reader = (text: string) => Partial<Config>;

const hostPort =
  (apply: (value: HostPort) => Partial<Config>): Reader =>
  (text) =>
    apply(parseHostPort(text));

const path =
  (apply: (value: string) => Partial<Config>): Reader =>
  (text) => {
    const expanded = text.startsWith("~/") ? join(homedir(), text.slice(2)) : text;
    if (!isAbsolute(expanded)) throw new Failure("invalid", "write the whole path, beginning with /");
    return apply(expanded);
  };

/** Every key of config.toml, as `table.key`, with what its value does. */
const STRING_KEYS: Readonly<Record<string, (text: string, sofar: Config) => Partial<Config>>> = {
  "imap.listen": hostPort((imap) => ({ imap })),
  "smtp.listen": hostPort((smtp) => ({ smtp })),
  "relay.url": (text) => {
    parseRelayUrl(text);
    return { relayUrl: text };
  },
  "relay.spares": (text) => ({ spareRelays: text.trim().split(/\s+/).map(parseRelayUrl) }),
  "relay.listen": (text, { embeddedRelay }) => ({ embeddedRelay: { ...embeddedRelay, listen: parseHostPort(text) } }),
  "relay.advertise": (text, { embeddedRelay }) => ({
    embeddedRelay: { ...embeddedRelay, advertise: parseHostPort(text) },
  }),
  "relay.onion": (text, { embeddedRelay }) => ({ embeddedRelay: { ...embeddedRelay, onion: parseControlPort(text) } }),
  "overlay.entry": (text) => {
    const entries = text.trim().split(/\s+/);
    for (const entry of entries) parseRelayUrl(entry);
    return { entries };
  },
  "overlay.mode": (text, { cover }) => {
    if (text !== "instant" && text !== "scheduled") throw new Failure("invalid", "use instant or scheduled");
    return { cover: { ...cover, mode: text } };
  },
  "overlay.interval": (text, { cover }) => {
    const interval = Number(text);
    if (!/^\d{1,3}$/.test(text) || interval < 10 || interval > 900)
      throw new Failure("invalid", "write a number of seconds from 10 to 900");
    return { cover: { ...cover, interval } };
  },
  "overlay.proxy": (text) => ({ proxy: parseProxyUrl(text) }),
  "mail.quota": (text) => ({ mailQuota: parseOctetSize(text) }),
  "gateway.key_lookup": (text) => {
    const places = text.trim().split(/\s+/);
    const known = places.filter((place) => place === "wkd" || place === "keyserver");
    if (text.trim() === "never") return {};
    if (known.length !== places.length) throw new Failure("invalid", "write never, wkd, keyserver, or wkd keyserver");
    return { keyLookup: known };
  },
  "vault.passphrase_file": path((passphraseFile) => ({ passphraseFile })),
  "vault.key_file": path((keyFile) => ({ keyFile })),
  "log.level": (text) => {
    if (text !== "error" && text !== "warn" && text !== "info" && text !== "debug")
      throw new Failure("invalid", "use error, warn, info or debug");
    return { logLevel: text };
  },
};

const BOOLEAN_KEYS: Readonly<Record<string, (value: boolean) => Partial<Config>>> = {
  "receipts.send": (sendReceipts) => ({ sendReceipts }),
  "introductions.co_recipients": (introduceCoRecipients) => ({ introduceCoRecipients }),
  "fronts.allow_remote": (allowRemote) => ({ allowRemote }),
};

const SETTINGS: readonly string[] = [...Object.keys(STRING_KEYS), ...Object.keys(BOOLEAN_KEYS)];

/**
 * Reads a config.toml. Nothing is guessed: an unknown key or a wrong value is named with its line.
 * @throws Failure invalid
 */
export function parseConfig(text: string, file: string): Config {
  let tables: Record<string, unknown>;
  try {
    tables = parse(text);
  } catch (error) {
    if (error instanceof TomlError)
      throw new Failure("invalid", `${file}, line ${error.line}: ${error.message.split("\n")[0]}`);
    throw error;
  }
  let config = DEFAULT_CONFIG;
  for (const [table, entries] of Object.entries(tables)) {
    if (typeof entries !== "object" || entries === null || Array.isArray(entries) || entries instanceof Date)
      throw new Failure("invalid", `${where(text, file, table)}: "${table}" must be inside a table such as [imap]`);
    if (!SETTINGS.some((name) => name.startsWith(`${table}.`)))
      throw new Failure(
        "invalid",
        `${where(text, file, table)}: there is no table [${table}]; config.example.toml names them all`,
      );
    for (const [key, value] of Object.entries(entries)) {
      const name = `${table}.${key}`;
      const place = where(text, file, table, key);
      const readString = STRING_KEYS[name];
      const readBoolean = BOOLEAN_KEYS[name];
      if (readString === undefined && readBoolean === undefined)
        throw new Failure("invalid", `${place}: there is no setting "${key}" in [${table}]${suggestion(name)}`);
      if (readString !== undefined && typeof value !== "string")
        throw new Failure("invalid", `${place}: ${name} takes a text in quotes`);
      if (readBoolean !== undefined && typeof value !== "boolean")
        throw new Failure("invalid", `${place}: ${name} takes true or false`);
      try {
        const change = typeof value === "boolean" ? readBoolean?.(value) : readString?.(String(value), config);
        config = { ...config, ...change };
      } catch (error) {
        if (error instanceof Failure) throw new Failure("invalid", `${place}: ${name}: ${error.message}`);
        throw error;
      }
    }
  }
  return config;
}

/** @throws Failure invalid */
export function checkConfig(config: Config): Config {
  for (const [front, { host }] of [
    ["imap", config.imap],
    ["smtp", config.smtp],
  ] as const) {
    if (!isLoopback(host) && !config.allowRemote)
      throw new Failure(
        "invalid",
        `${front} would listen on ${host}, which other machines can reach; set allow_remote = true in [fronts] if you mean it`,
      );
  }
  const { onion, advertise } = config.embeddedRelay;
  if (onion !== undefined && advertise !== undefined)
    throw new Failure("invalid", "onion and advertise in [relay] exclude each other: an onion service has one address");
  if (onion !== undefined && config.proxy === undefined)
    throw new Failure(
      "invalid",
      'onion in [relay] takes proxy = "socks5://127.0.0.1:9050" in [overlay] as well: contacts with onion services are reached through it',
    );
  return config;
}

/** The home's config.toml, or the defaults where there is none. @throws Failure invalid */
export async function readConfig(home: string): Promise<Config> {
  const file = join(home, "config.toml");
  try {
    return parseConfig(await readFile(file, "utf8"), file);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return DEFAULT_CONFIG;
    throw error;
  }
}

/** config.toml with only what differs from the defaults or was chosen at `init`. */
export function formatConfig(config: Config): string {
  const lines = ["# Postern's settings; config.example.toml explains each of them and names the others.", ""];
  const table = (name: string, entries: readonly (readonly [string, string | undefined])[]) => {
    const set = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
    if (set.length > 0) lines.push(`[${name}]`, ...set.map(([key, value]) => `${key} = ${value}`), "");
  };
  const quoted = (text: string | undefined) => (text === undefined ? undefined : JSON.stringify(text));
  table("imap", [["listen", quoted(formatHostPort(config.imap))]]);
  table("smtp", [["listen", quoted(formatHostPort(config.smtp))]]);
  const { listen, advertise, onion } = config.embeddedRelay;
  const spares = quoted(config.spareRelays?.map(formatRelayUrl).join(" "));
  table(
    "relay",
    config.relayUrl === undefined
      ? [
          ["listen", quoted(formatHostPort(listen))],
          ["advertise", advertise && quoted(formatHostPort(advertise))],
          ["onion", onion && quoted(formatHostPort(onion))],
          ["spares", spares],
        ]
      : [
          ["url", quoted(config.relayUrl)],
          ["spares", spares],
        ],
  );
  table("overlay", [
    ["proxy", config.proxy && quoted(formatProxyUrl(config.proxy))],
    ["mode", config.cover.mode === DEFAULT_CONFIG.cover.mode ? undefined : quoted(config.cover.mode)],
    [
      "interval",
      config.cover.interval === DEFAULT_CONFIG.cover.interval ? undefined : quoted(`${config.cover.interval}`),
    ],
    ["entry", config.entries && quoted(config.entries.join(" "))],
  ]);
  table("mail", [["quota", quoted(config.mailQuota === undefined ? undefined : `${config.mailQuota} B`)]]);
  table("gateway", [["key_lookup", config.keyLookup && quoted(config.keyLookup.join(" "))]]);
  table("vault", [
    ["passphrase_file", quoted(config.passphraseFile)],
    ["key_file", quoted(config.keyFile)],
  ]);
  if (!config.sendReceipts) table("receipts", [["send", "false"]]);
  if (!config.introduceCoRecipients) table("introductions", [["co_recipients", "false"]]);
  if (config.allowRemote) table("fronts", [["allow_remote", "true"]]);
  if (config.logLevel !== DEFAULT_CONFIG.logLevel) table("log", [["level", quoted(config.logLevel)]]);
  return lines.join("\n");
}

/** The file and, as far as it can be told, the line on which the table's key is set or the table begins. */
function where(text: string, file: string, table: string, key?: string): string {
  const bare = (name: string) => name.replaceAll(/["'\s]/g, "");
  const wanted = bare(key === undefined ? table : `${table}.${key}`);
  let header = "";
  const named = text.split("\n").map((line) => {
    const opened = /^\s*\[([^\]]*)\]/.exec(line)?.[1];
    if (opened !== undefined) return (header = bare(opened));
    const set = /^\s*([^=#[\]{}]+)=/.exec(line)?.[1];
    return set === undefined ? "" : bare(header === "" ? set : `${header}.${set}`);
  });
  const line = [
    (name: string) => name === wanted || name.startsWith(`${wanted}.`),
    (name: string) => name === bare(table),
  ]
    .map((fits) => named.findIndex(fits))
    .find((index) => index >= 0);
  return line === undefined ? file : `${file}, line ${line + 1}`;
}

function suggestion(name: string): string {
  const near = SETTINGS.map((setting) => ({ setting, edits: editDistance(setting, name) })).sort(
    (a, b) => a.edits - b.edits,
  )[0];
  return near === undefined || near.edits > 3
    ? "; config.example.toml names them all"
    : `; did you mean ${near.setting}?`;
}
