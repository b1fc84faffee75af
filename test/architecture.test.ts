import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** What each folder may import, beside itself; ARCHITECTURE.md draws the same arrows. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  foundation: [],
  mime: ["foundation"],
  "imap-front": ["foundation", "mime"],
  "smtp-front": ["foundation"],
  "imap-client": ["foundation"],
  maildir: ["foundation", "mime", "imap-client"],
  keyring: ["foundation"],
  relay: ["foundation"],
  "overlay-adapter": ["foundation", "keyring", "relay/wire", "relay/relay-url.ts"],
  "legacy-gateway": ["foundation", "mime", "keyring", "imap-client"],
  bridge: [
    "foundation",
    "mime",
    "imap-front",
    "smtp-front",
    "maildir",
    "keyring",
    "relay",
    "overlay-adapter",
    "legacy-gateway",
  ],
};

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

function imports(path: string): string[] {
  const found = readFileSync(path, "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g);
  return [...found].map((match) => match[1] ?? "");
}

test.each(Object.entries(ARROWS))("%s imports only what the picture allows", (folder, allowed) => {
  const wrong: string[] = [];
  for (const path of sources(join(ROOT, folder))) {
    for (const specifier of imports(path)) {
      if (!specifier.startsWith(".")) continue;
      const target = relative(ROOT, resolve(dirname(path), specifier));
      const fits = [folder, ...allowed].some((prefix) => target === prefix || target.startsWith(`${prefix}/`));
      if (!fits) wrong.push(`${relative(ROOT, path)} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the relay stands alone: it loads no libsignal", () => {
  const loaders = [...sources(join(ROOT, "relay")), ...sources(join(ROOT, "foundation"))].filter((path) =>
    imports(path).some((specifier) => specifier.startsWith("@signalapp/")),
  );
  expect(loaders).toEqual([]);
});
