import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type Config,
  checkConfig,
  DEFAULT_CONFIG,
  formatConfig,
  parseConfig,
  readConfig,
  readEnvironment,
} from "../../bridge/config.ts";
import { parseRelayUrl } from "../../relay/relay-url.ts";

const SECRET32 = Buffer.alloc(32, 5).toString("base64url");
const RELAY = `postern-relay://${SECRET32}@relay.example:4523/${SECRET32}`;
const ENTRY = `postern-relay://entry.example:4523/${SECRET32}`;
const EXAMPLE = new URL("../../config.example.toml", import.meta.url);

/** Each key, a value that is not the default, and what it makes of the configuration. */
const SETTINGS: readonly [table: string, key: string, value: string, Partial<Config>][] = [
  ["imap", "listen", '"127.0.0.2:1143"', { imap: { host: "127.0.0.2", port: 1143 } }],
  ["smtp", "listen", '"[::1]:1025"', { smtp: { host: "::1", port: 1025 } }],
  ["relay", "url", `"${RELAY}"`, { relayUrl: RELAY }],
  [
    "relay",
    "spares",
    `" ${RELAY}  ${RELAY.replace("relay.example", "spare.example")} "`,
    { spareRelays: [parseRelayUrl(RELAY), parseRelayUrl(RELAY.replace("relay.example", "spare.example"))] },
  ],
  ["relay", "listen", '"0.0.0.0:4000"', { embeddedRelay: { listen: { host: "0.0.0.0", port: 4000 } } }],
  [
    "relay",
    "advertise",
    '"my.example:99"',
    { embeddedRelay: { ...DEFAULT_CONFIG.embeddedRelay, advertise: { host: "my.example", port: 99 } } },
  ],
  [
    "relay",
    "onion",
    '"127.0.0.1:9051"',
    { embeddedRelay: { ...DEFAULT_CONFIG.embeddedRelay, onion: { host: "127.0.0.1", port: 9051 } } },
  ],
  ["overlay", "proxy", '"socks5://127.0.0.1:9050"', { proxy: { host: "127.0.0.1", port: 9050 } }],
  ["overlay", "mode", '"scheduled"', { cover: { mode: "scheduled", interval: 300 } }],
  ["overlay", "interval", '"60"', { cover: { mode: "instant", interval: 60 } }],
  ["overlay", "entry", `"${ENTRY} ${ENTRY}"`, { entries: [ENTRY, ENTRY] }],
  ["mail", "quota", '"1.5 GiB"', { mailQuota: 1_610_612_736 }],
  ["gateway", "key_lookup", '"wkd keyserver"', { keyLookup: ["wkd", "keyserver"] }],
  ["receipts", "send", "false", { sendReceipts: false }],
  ["introductions", "co_recipients", "false", { introduceCoRecipients: false }],
  ["vault", "passphrase_file", '"/run/secret"', { passphraseFile: "/run/secret" }],
  ["vault", "key_file", '"~/keys/vault.key"', { keyFile: join(homedir(), "keys/vault.key") }],
  ["fronts", "allow_remote", "true", { allowRemote: true }],
  ["log", "level", '"debug"', { logLevel: "debug" }],
];

test.each(SETTINGS)("[%s] %s = %s is taken", (table, key, value, change) => {
  expect(parseConfig(`[${table}]\n${key} = ${value}\n`, "c")).toEqual({ ...DEFAULT_CONFIG, ...change });
});

test("an empty file means the defaults, and so does none", async () => {
  expect(parseConfig("", "c")).toEqual(DEFAULT_CONFIG);
  const home = await mkdtemp(join(tmpdir(), "postern-config-"));
  try {
    expect(await readConfig(home)).toEqual(DEFAULT_CONFIG);
    await writeFile(join(home, "config.toml"), '[log]\nlevel = "warn"\n');
    expect((await readConfig(home)).logLevel).toBe("warn");
  } finally {
    await rm(home, { recursive: true });
  }
});

describe("config.example.toml", () => {
  test("says exactly what holds without it", async () => {
    expect(parseConfig(await readFile(EXAMPLE, "utf8"), "c")).toEqual(DEFAULT_CONFIG);
  });

  test("names every key that there is, and no other", async () => {
    const named = new Set<string>();
    let table = "";
    for (const line of (await readFile(EXAMPLE, "utf8")).split("\n")) {
      table = /^\[(\w+)\]$/.exec(line)?.[1] ?? table;
      const key = /^(?:# )?(\w+) = /.exec(line)?.[1];
      if (key !== undefined) named.add(`${table}.${key}`);
    }
    expect([...named].sort()).toEqual(SETTINGS.map(([name, key]) => `${name}.${key}`).sort());
  });

  test("can be used with each line that is commented out taken in", async () => {
    const text = (await readFile(EXAMPLE, "utf8"))
      .replace(/^# (\w+ = )/gm, "$1")
      .replaceAll(/\b(TOKEN|PIN)\b/g, SECRET32);
    expect(parseConfig(text, "c")).toMatchObject({ relayUrl: RELAY, keyFile: "/home/me/.config/postern/vault.key" });
  });
});

describe("what is wrong is named with its line", () => {
  test.each([
    [
      "a misspelt key",
      '[imap]\nlisten = "127.0.0.1:1"\n\n[smtp]\nlissten = "127.0.0.1:2"',
      5,
      /did you mean smtp\.listen/,
    ],
    ["a key of another table", '[log]\nlisten = "127.0.0.1:1"', 2, /no setting "listen" in \[log\]/],
    ["an unknown key that is like none", "[imap]\nfrobnicate = 1", 2, /config\.example\.toml/],
    ["a misspelt table", '[log]\n[imapp]\nlisten = "127.0.0.1:1"', 2, /no table \[imapp\]/],
    ["a misspelt table without keys", "\n\n[imapp]", 3, /no table \[imapp\]/],
    ["a key outside of any table", '\nlisten = "127.0.0.1:1"', 2, /inside a table/],
    ["a date outside of any table", "\nwhen = 2026-11-23", 2, /inside a table/],
    [
      "the second of two keys of one name",
      '[imap]\nlisten = "127.0.0.1:1"\n[smtp]\nlisten = "nowhere"',
      4,
      /smtp\.listen.*HOST:PORT/,
    ],
    ["a dotted key", '[log]\nlevel="info"\n[smtp]\n[imap]\nlisten.port = 3', 5, /text in quotes/],
    ["a dotted key without a table", '\nlog . "level" = "loud"', 2, /error, warn, info or debug/],
    ["an inline table", '\nlog = { level = "loud" }', 2, /error, warn, info or debug/],
    ["a key with characters of its own", '[imap]\n"(a+" = 1', 2, /no setting/],
    ["a port beyond 65535", '[imap]\nlisten = "127.0.0.1:65536"', 2, /HOST:PORT/],
    ["a number where a text belongs", "[imap]\nlisten = 1143", 2, /text in quotes/],
    ["a text where a yes or no belongs", '[fronts]\nallow_remote = "true"', 2, /true or false/],
    ["a level that there is not", '[log]\n# louder\nlevel = "loud"', 3, /error, warn, info or debug/],
    ["a relative path", '[vault]\nkey_file = "vault.key"', 2, /whole path/],
    ["a relay's address that is none", '[relay]\nurl = "postern-relay://x"', 2, /relay address/],
    ["no TOML", "[imap\nlisten = 1", 1, /c, line 1/],
    ["a key given twice", '[log]\nlevel = "info"\nlevel = "warn"', 3, /c, line 3/],
  ])("%s", (_what, text, line, message) => {
    for (const ends of [text, text.replaceAll("\n", "\r\n")]) {
      const parsing = () => parseConfig(ends, "c");
      expect(parsing).toThrow(expect.objectContaining({ name: "Failure", code: "invalid" }));
      expect(parsing).toThrow(new RegExp(`^c, line ${line}\\b`));
      expect(parsing).toThrow(message);
    }
  });
});

test("a wrong relay address is not repeated: it may hold a token", () => {
  const text = `[relay]\nurl = "postern-relay://${SECRET32}@relay.example:0/${SECRET32}"`;
  expect(() => parseConfig(text, "c")).not.toThrow(new RegExp(SECRET32));
  expect(() => parseConfig(text, "c")).toThrow(/relay address/);
});

test("no text whatever makes the parser fail with another error than its own", () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom("[imap]", "[a.b]", '["x("]', "[[imap]]", 'listen = "1:1"', "a = { b = 1 }", "x = '''", "[log]"),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      try {
        parseConfig(lines.join("\n"), "c");
      } catch (error) {
        expect(error).toMatchObject({ name: "Failure", code: "invalid" });
      }
    }),
    { numRuns: 500 },
  );
});

test("what formatConfig writes is read back as it was", () => {
  const place = fc.record({ host: fc.constantFrom("127.0.0.1", "::1", "localhost"), port: fc.nat(65_535) });
  const path = fc
    .array(fc.stringMatching(/^[\w "'\\#üé=\]]{1,12}$/), { minLength: 1 })
    .map((parts) => `/${parts.join("/")}`);
  const config = fc.record(
    {
      imap: place,
      smtp: place,
      embeddedRelay: fc.record(
        { listen: place, advertise: place, onion: fc.constant({ host: "127.0.0.1", port: 9051 }) },
        { requiredKeys: ["listen"] },
      ),
      proxy: fc.record({ host: fc.constantFrom("127.0.0.1", "::1"), port: fc.integer({ min: 1, max: 65_535 }) }),
      passphraseFile: path,
      keyFile: path,
      cover: fc.record({
        mode: fc.constantFrom("instant", "scheduled"),
        interval: fc.integer({ min: 10, max: 900 }),
      }),
      sendReceipts: fc.boolean(),
      introduceCoRecipients: fc.boolean(),
      allowRemote: fc.boolean(),
      logLevel: fc.constantFrom("error", "warn", "info", "debug"),
    },
    {
      requiredKeys: [
        "imap",
        "smtp",
        "embeddedRelay",
        "cover",
        "sendReceipts",
        "introduceCoRecipients",
        "allowRemote",
        "logLevel",
      ],
    },
  );
  fc.assert(fc.property(config, (value) => expect(parseConfig(formatConfig(value as Config), "c")).toEqual(value)));
  const external = { ...DEFAULT_CONFIG, relayUrl: RELAY };
  expect(parseConfig(formatConfig(external), "c")).toEqual(external);
});

test("a front that other machines can reach must be asked for", () => {
  const open = { ...DEFAULT_CONFIG, smtp: { host: "0.0.0.0", port: 4587 } };
  expect(() => checkConfig(open)).toThrow(/smtp would listen on 0\.0\.0\.0.*allow_remote/);
  expect(checkConfig({ ...open, allowRemote: true })).toEqual({ ...open, allowRemote: true });
  expect(checkConfig(DEFAULT_CONFIG)).toBe(DEFAULT_CONFIG);
});

test("an onion service takes a proxy as well, for its contacts may be onion services too, and has one address", () => {
  const { proxy } = parseConfig('[overlay]\nproxy = "socks5://127.0.0.1:9050"', "c");
  const onion = { host: "127.0.0.1", port: 9051 };
  const embeddedRelay = { ...DEFAULT_CONFIG.embeddedRelay, onion };
  const config = { ...DEFAULT_CONFIG, embeddedRelay };
  expect(() => checkConfig(config)).toThrow(/proxy =/);
  expect(checkConfig({ ...config, ...(proxy && { proxy }) })).toMatchObject({ proxy: { port: 9050 } });
  expect(() => checkConfig({ ...config, embeddedRelay: { ...embeddedRelay, advertise: onion } })).toThrow(/exclude/);
  expect(() => parseConfig('[relay]\nonion = "192.0.2.1:9051"', "c")).toThrow(/on this machine/);
});

test("the home is the option's, else POSTERN_HOME, else below the XDG data directory", () => {
  expect(readEnvironment({ POSTERN_HOME: "/b", XDG_DATA_HOME: "/c" }, "/a").home).toBe("/a");
  expect(readEnvironment({ POSTERN_HOME: "/b", XDG_DATA_HOME: "/c" }, undefined).home).toBe("/b");
  expect(readEnvironment({ XDG_DATA_HOME: "/c" }, undefined).home).toBe("/c/postern");
  expect(readEnvironment({}, undefined)).toEqual({
    home: join(homedir(), ".local/share/postern"),
    keyDirectory: join(homedir(), ".config/postern"),
  });
});
