import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { parseAutoconfig } from "../../legacy-gateway/discovery/autoconfig.ts";
import { type DiscoveryPorts, discoverServers } from "../../legacy-gateway/discovery/discover.ts";

const XML = `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="old.example">
  <incomingServer type="pop3"><hostname>pop.old.example</hostname><port>995</port><socketType>SSL</socketType></incomingServer>
  <incomingServer type="imap"><hostname>clear.old.example</hostname><port>143</port><socketType>plain</socketType></incomingServer>
  <incomingServer type="imap"><hostname>IMAP.hoster.example</hostname><port>993</port><socketType>SSL</socketType>
    <username>%EMAILLOCALPART%</username></incomingServer>
  <outgoingServer type="smtp"><hostname>smtp.hoster.example</hostname><port>587</port><socketType>STARTTLS</socketType></outgoingServer>
</emailProvider></clientConfig>`;

/** A world in which nothing is found but what a test puts there; it writes down what was asked. */
function world(parts: {
  pages?: Record<string, string>;
  records?: Record<string, { host: string; port: number }>;
  servers?: readonly string[];
}): DiscoveryPorts & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async fetch(url) {
      asked.push(url);
      return parts.pages?.[url];
    },
    async srv(name) {
      asked.push(name);
      const record = parts.records?.[name];
      return record === undefined ? [] : [record];
    },
    async answers(_kind, host, port) {
      asked.push(`${host}:${port}`);
      return parts.servers?.includes(`${host}:${port}`) ?? false;
    },
  };
}

test("the domain's autoconfig file counts first, its first server with TLS", async () => {
  const url = "https://autoconfig.old.example/mail/config-v1.1.xml?emailaddress=ann%40old.example";
  const asked = world({ pages: { [url]: XML } });
  expect(await discoverServers("ann@old.example", asked)).toEqual({
    imap: { host: "imap.hoster.example", port: 993, security: "tls", user: "ann" },
    smtp: { host: "smtp.hoster.example", port: 587, security: "starttls", user: "ann@old.example" },
  });
  expect(asked.asked).toEqual([url]);
});

test("SRV records come second, and names that are common third", async () => {
  const records = {
    "_imap._tcp.old.example": { host: "mx.old.example.", port: 143 },
    "_submissions._tcp.old.example": { host: "mx.old.example", port: 465 },
  };
  expect(await discoverServers("ann@old.example", world({ records }))).toMatchObject({
    imap: { host: "mx.old.example", port: 143, security: "starttls" },
    smtp: { host: "mx.old.example", port: 465, security: "tls" },
  });
  const servers = ["mail.old.example:993", "mail.old.example:465"];
  expect(await discoverServers("ann@old.example", world({ servers }))).toMatchObject({
    imap: { host: "mail.old.example", port: 993 },
    smtp: { host: "mail.old.example", port: 465 },
  });
});

test("of a large provider that tells nothing itself the servers are known, and what it tells counts more", async () => {
  const nothing = world({ servers: ["imap.gmail.com:993"] });
  expect(await discoverServers("ann@Gmail.com", nothing)).toEqual({
    imap: { host: "imap.gmail.com", port: 993, security: "tls", user: "ann@Gmail.com" },
    smtp: { host: "smtp.gmail.com", port: 465, security: "tls", user: "ann@Gmail.com" },
  });
  expect(nothing.asked.filter((asked) => /:\d+$/.test(asked))).toEqual([]);
  const records = { "_imaps._tcp.gmail.com": { host: "new.gmail.com", port: 993 } };
  expect(await discoverServers("ann@gmail.com", world({ records }))).toMatchObject({ imap: { host: "new.gmail.com" } });
});

test("an SRV record that leads out of the domain is not followed without being asked for", async () => {
  const records = { "_imaps._tcp.old.example": { host: "mail.evil.example", port: 993 } };
  await expect(discoverServers("ann@old.example", world({ records }))).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("--imap-host mail.evil.example"),
  });
});

test("nobody but the address's own domain is asked, and where nothing is found it is said what to do", async () => {
  const nothing = world({});
  await expect(discoverServers("ann@old.example", nothing)).rejects.toMatchObject({
    code: "nonexistent",
    message: expect.stringContaining("--imap-host"),
  });
  for (const asked of nothing.asked)
    expect(asked.replace(/^https:\/\//, "").split(/[/:?]/)[0]).toMatch(/(^|\.)old\.example$/);
});

test("whatever an autoconfig file holds, reading it ends and throws nothing", () => {
  const piece = fc.constantFrom(
    "<incomingServer ",
    'type="imap">',
    "<hostname>",
    "x.example",
    "</hostname>",
    "<port>",
    "993",
    "</port>",
    "<socketType>SSL</socketType>",
    "</incomingServer>",
    "&amp;",
    "\n",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 60 }), (pieces) => {
      const found = parseAutoconfig(pieces.join(""), "ann@old.example");
      if (found !== undefined) expect(found.imap.security).not.toBe("none");
    }),
  );
});
