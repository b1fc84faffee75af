import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { readConfig } from "../../config.ts";
import { exists } from "../../home/home.ts";
import { type RecoverResult, recoverHome } from "../../home/recover-home.ts";
import type { RecoveryView } from "../../operations/operations.ts";
import { applySettings } from "../../settings.ts";
import { readPaperWords } from "../paper-words.ts";
import { withOperations } from "../with-operations.ts";
import { describeAccount } from "./init.ts";
import { addCommand, type Invocation, type SettingOptions, settingOptions } from "./options.ts";

interface RecoverOptions extends SettingOptions {
  readonly wordsFile?: string;
  readonly withoutContacts?: boolean;
}

/** Milliseconds that the command waits for contacts' relays; `run` goes on where it stopped. */
const PATIENCE = 30_000;
/** Milliseconds between two looks. */
const LOOK = 200;

export function addRecoverCommand(program: Command): void {
  addCommand<RecoverOptions>(
    program,
    "recover",
    "Make this machine a new device of your identity from the 24 words of the paper key; the lost device is revoked, and " +
      "every contact that the relay's record tells of learns of it. Interrupted, it is simply run again.",
    [
      "postern recover --relay postern-relay://relay.example:4523/PIN",
      "postern recover --relay postern-relay://TOKEN@relay.example:4523/PIN --words-file /media/stick/words",
      "postern recover --without-contacts --relay postern-relay://TOKEN@relay.example:4523/PIN",
    ],
    (command) =>
      settingOptions(command)
        .option(
          "--words-file <file>",
          "a file that holds the 24 words; otherwise they are asked for, or read from standard input",
        )
        .option("--without-contacts", "the same address again, where no relay has the record any more"),
    async (invocation, options) => {
      const made = (await exists(invocation.paths.vault)) ? undefined : await recover(invocation, options);
      const view = await tellContacts(invocation);
      const text = [...(made === undefined ? [] : describe(made)), ...describeContacts(view)].join("\n");
      invocation.output.result({ ...made, ...view }, text);
    },
  );
}

async function recover(invocation: Invocation, options: RecoverOptions): Promise<RecoverResult> {
  const { environment, paths, output } = invocation;
  const { wordsFile, withoutContacts = false } = options;
  const config = applySettings(await readConfig(environment.home), options);
  const words = await readPaperWords(wordsFile);
  output.note("Looking for the recovery record ...");
  return await recoverHome({
    environment,
    paths,
    config,
    words,
    withoutContacts,
    onProgress: (done, total) => output.progress(`record: ${done} of ${total}`),
  });
}

/** Waits until every contact's relay has what the contact is told, or for as long as one likes to wait. */
async function tellContacts(invocation: Invocation): Promise<RecoveryView> {
  const { output, paths } = invocation;
  try {
    return await withOperations(invocation, async (operations) => {
      const until = performance.now() + PATIENCE;
      for (let shown = -1; ; ) {
        const view = await operations.recovery();
        const open = view.contacts.filter(({ state }) => state === "waiting").length;
        const told = view.contacts.length - open;
        output.progress(`contacts: ${told} of ${view.contacts.length} told`);
        if (told !== shown) output.event({ event: "progress", told, total: view.contacts.length });
        shown = told;
        if (open === 0 || performance.now() > until) return view;
        await new Promise((resolve) => setTimeout(resolve, LOOK));
      }
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "nonexistent") throw error;
    throw new Failure("already-exists", `${paths.home} is a Postern home already: choose another with --home`);
  }
}

function describe(made: RecoverResult): string[] {
  const { recordedAt, relaysLeftOut } = made;
  return [
    recordedAt === undefined
      ? "This machine has your address again, without contacts: no relay has a record of them."
      : `This machine is a new device of your identity; the lost one is revoked. Contacts are those of ${recordedAt}.`,
    ...relaysLeftOut.map((relay) => `Your relay ${relay} does not answer and is left out: its queues are lost.`),
    "Mail that only the lost machine had is not back, unless you have a copy of its home.",
    "",
    describeAccount(made),
  ];
}

const STATES: Readonly<Record<string, string>> = {
  waiting: "not told yet: the relay does not answer",
  told: "told; answers when that bridge is online",
  answered: "letters go both ways",
  gone: "NOT FOUND: the relay knows that queue no more; exchange a new invite",
  lost: "NOT FOUND: the record does not say where to write; exchange a new invite",
};

function describeContacts({ contacts }: RecoveryView): string[] {
  if (contacts.length === 0) return ["There are no contacts to be told."];
  return [
    "Contacts:",
    ...contacts.map(({ petname, verification, state }) => `  ${petname} (${verification}): ${STATES[state] ?? state}`),
    "",
    "Start the bridge (postern run): it tells those that are left by itself.",
  ];
}
