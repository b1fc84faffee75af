import { expect, test } from "@jest/globals";
import { type Config, DEFAULT_CONFIG } from "../../bridge/config.ts";
import { applySettings } from "../../bridge/settings.ts";

const SECRET32 = Buffer.alloc(32, 5).toString("base64url");
const RELAY = `postern-relay://${SECRET32}@relay.example:4523/${SECRET32}`;

test("without options the file's settings hold", () => {
  const config: Config = { ...DEFAULT_CONFIG, keyFile: "/k", imap: { host: "127.0.0.1", port: 7 } };
  expect(applySettings(config, {})).toEqual(config);
});

test("each option takes the place of the file's setting", () => {
  const options = { imap: "127.0.0.1:1", smtp: "[::1]:2", relay: RELAY, passphraseFile: "/p" };
  expect(applySettings(DEFAULT_CONFIG, options)).toEqual({
    ...DEFAULT_CONFIG,
    imap: { host: "127.0.0.1", port: 1 },
    smtp: { host: "::1", port: 2 },
    relayUrl: RELAY,
    passphraseFile: "/p",
  });
});

test("a relative passphrase file is meant from where the command was called", () => {
  expect(applySettings(DEFAULT_CONFIG, { passphraseFile: "p" }).passphraseFile).toBe(`${process.cwd()}/p`);
});

test.each([
  ["--imap", { imap: "nowhere" }],
  ["--smtp", { smtp: "127.0.0.1:70000" }],
  ["--relay", { relay: `postern-relay://${SECRET32}@x` }],
])("a wrong %s is named, without a token that it may hold", (name, options) => {
  const apply = () => applySettings(DEFAULT_CONFIG, options);
  expect(apply).toThrow(expect.objectContaining({ code: "invalid", message: expect.stringMatching(`^${name}: `) }));
  expect(apply).not.toThrow(new RegExp(SECRET32));
});

test("an option cannot open a front to other machines where the file does not allow it", () => {
  expect(() => applySettings(DEFAULT_CONFIG, { imap: "0.0.0.0:1" })).toThrow(/allow_remote/);
  expect(applySettings({ ...DEFAULT_CONFIG, allowRemote: true }, { imap: "0.0.0.0:1" }).imap.host).toBe("0.0.0.0");
});
