import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";
import { ENCODED, LETTER, NESTED } from "./sample-messages.ts";

afterEach(stopServers);

/**
 * A transcript: `#` says what it shows, `@login 2` opens a second session and logs it in, `C2:` and `S2:` are its lines
 * (`C:` and `S:` the first one's). In an S line `…` stands for anything.
 */
type Step =
  | { readonly kind: "open"; readonly session: string; readonly login: boolean }
  | { readonly kind: "client"; readonly session: string; readonly text: string }
  | { readonly kind: "server"; readonly session: string; readonly text: string };

interface Transcript {
  readonly name: string;
  readonly claim: string;
  readonly steps: readonly Step[];
}

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "transcripts");

function* readTranscripts(): Generator<Transcript> {
  for (const file of readdirSync(FOLDER).sort()) {
    let claim = "";
    let steps: Step[] = [];
    for (const line of readFileSync(join(FOLDER, file), "utf8").split("\n")) {
      if (line.startsWith("# ")) {
        if (claim !== "") yield { name: file, claim, steps };
        claim = line.slice(2);
        steps = [];
        continue;
      }
      const directive = /^@(open|login) ?(\d?)$/.exec(line);
      const spoken = /^([CS])(\d?):(?: (.*))?$/.exec(line);
      if (directive) steps.push({ kind: "open", session: directive[2] ?? "", login: directive[1] === "login" });
      else if (spoken)
        steps.push({ kind: spoken[1] === "C" ? "client" : "server", session: spoken[2] ?? "", text: spoken[3] ?? "" });
      else if (line !== "") throw new Error(`${file}: not a line of a transcript: ${line}`);
    }
    yield { name: file, claim, steps };
  }
}

function sampleStore(): MemoryStore {
  const store = new MemoryStore({ INBOX: undefined, Sent: "\\Sent", Trash: "\\Trash", "Work/2026/Ä & B": undefined });
  store.quotaLimit = 7 * 1024;
  for (const message of [LETTER, ENCODED, NESTED]) store.mailbox("INBOX")?.put(message);
  store.mailbox("INBOX")?.claimRecent();
  return store;
}

/** How many of the next octets go into one packet. */
type Splitter = (text: string) => number;

async function send(client: Client, text: string, split: Splitter): Promise<void> {
  for (let rest = text; rest !== ""; ) {
    const length = Math.max(1, split(rest));
    client.send(rest.slice(0, length));
    rest = rest.slice(length);
    if (rest !== "")
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
  }
}

async function replay({ steps, claim }: Transcript, split: Splitter): Promise<void> {
  const server = await serve(sampleStore());
  const clients = new Map<string, Client>();
  for (const step of steps) {
    if (step.kind === "open") {
      const client = await Client.connect(server);
      clients.set(step.session, step.login ? await client.login() : client);
      continue;
    }
    const client = clients.get(step.session);
    if (client === undefined) throw new Error(`no session ${step.session} in: ${claim}`);
    if (step.kind === "client") {
      await send(client, Buffer.from(`${step.text}\r\n`, "utf8").toString("latin1"), split);
      continue;
    }
    const line = Buffer.from((await client.until(/^[^\n]*\n/)).replace(/\r\n$/, ""), "latin1").toString("utf8");
    const pattern = step.text.split("…").map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    if (!new RegExp(`^${pattern.join(".*")}$`).test(line)) expect(line).toBe(step.text);
  }
  for (const client of clients.values()) {
    client.send("end NOOP\r\n");
    const rest = await client.until(/end OK[^\n]*\n|$/).catch(() => "");
    if (!rest.startsWith("end OK")) expect(rest).toBe("");
    client.close();
  }
}

const transcripts = [...readTranscripts()];

test.each(transcripts)("$claim ($name)", async (transcript) => {
  await replay(transcript, (text) => text.length);
});

test.each(transcripts)("$claim, sent octet by octet ($name)", async (transcript) => {
  await replay(transcript, () => 1);
});

test.each(transcripts)("$claim, split anywhere ($name)", async (transcript) => {
  let state = transcript.claim.length;
  await replay(transcript, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return 1 + (state % 23);
  });
});
