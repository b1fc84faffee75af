import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import type { GatewayUpgradeView, Operations } from "../../operations/operations.ts";
import { describeAccepted } from "../../upgrade/describe-accepted.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

interface UpgradeOptions extends CommonOptions {
  readonly inTheClear?: boolean;
  readonly accept?: string;
  readonly name?: string;
  readonly refuse?: string;
  readonly back?: string;
}

/** `postern gateway upgrade`: old contacts come to the overlay. */
export function addGatewayUpgradeCommand(gateway: Command): void {
  addCommand<UpgradeOptions>(
    gateway,
    "upgrade [answer] [address]",
    "Invite old contacts to the overlay in the letters that you write to them anyway, answer when one of them invites you, and show who has moved. Off until you say on, for all or for one address.",
    [
      "postern gateway upgrade                                    # what is said, who invites you, who has moved",
      "postern gateway upgrade on                                 # in every encrypted letter to one old contact",
      "postern gateway upgrade on bob@example.org --in-the-clear  # to bob where providers can read it, too",
      "postern gateway upgrade off carol@example.org",
      "postern gateway upgrade --accept bob@example.org --name bob",
      "postern gateway upgrade --refuse bob@example.org",
      "postern gateway upgrade --back bob@example.org             # letters to that address go by e-mail again",
    ],
    (command) =>
      command
        .option("--in-the-clear", "with on and an address: also in letters that are not encrypted")
        .option("--accept <address>", "accept the invitation that came from there")
        .option("--name <name>", "with --accept: what you will call them")
        .option("--refuse <address>", "refuse it; nobody is told")
        .option("--back <address>", "end that letters to the address go over the overlay; the contact stays"),
    async (invocation, options, answer, address) => {
      const [value, text] = await withOperations(invocation, (operations) => act(operations, options, answer, address));
      invocation.output.result(value, text);
    },
  );
}

async function act(
  operations: Operations,
  { accept, name, refuse, back, inTheClear = false }: UpgradeOptions,
  answer: string | undefined,
  address: string | undefined,
): Promise<[object, string]> {
  if ([answer, accept, refuse, back].filter((one) => one !== undefined).length > 1)
    throw new Failure("invalid", "do one thing at a time");
  if (accept !== undefined) {
    const done = await operations.gatewayUpgradeAccept({ which: accept, ...(name !== undefined && { name }) });
    return [done, describeAccepted(done)];
  }
  if (refuse !== undefined) {
    const done = await operations.gatewayUpgradeRefuse({ which: refuse });
    return [done, `Refused. Letters to ${done.refused} go as before, and nobody is told.`];
  }
  if (back !== undefined) {
    const done = await operations.gatewayUpgradeBack({ address: back });
    return [
      done,
      `Letters to ${done.address} go by e-mail again, and carry no invitation. ${done.petname} stays a contact.`,
    ];
  }
  if (answer !== undefined && answer !== "on" && answer !== "off")
    throw new Failure("invalid", "say on or off: postern gateway upgrade on bob@example.org");
  const view = await operations.gatewayUpgrade({
    ...(answer !== undefined && { invite: answer === "on" }),
    ...(address !== undefined && { address }),
    ...(inTheClear && { inTheClear }),
  });
  return [view, lines(view).join("\n")];
}

const CONSENT: Readonly<Record<GatewayUpgradeView["everybody"], string>> = {
  off: "no invitation goes to them",
  encrypted: "invited in letters that are encrypted",
  clear: "invited in all letters, providers can read it",
};

const CAME: Readonly<Record<GatewayUpgradeView["invitations"][number]["came"], string>> = {
  signed: "came encrypted and signed",
  encrypted: "came encrypted, not signed",
  clear: "came in the clear",
};

const STATE: Readonly<Record<GatewayUpgradeView["moved"][number]["state"], string>> = {
  moved: "letters go over the overlay",
  joining: "accepted; by e-mail until their bridge answers",
  rival: "came by an invitation to this address, which somebody else has: compare the four words with both",
};

function lines({ everybody, addresses, invitations, moved }: GatewayUpgradeView): string[] {
  return [
    `old contacts: ${CONSENT[everybody]}`,
    ...addresses.map(({ address, consent }) => `${address}: ${CONSENT[consent]}`),
    ...invitations.map(
      ({ id, address, inviter, came, state, expiresAt }) =>
        `${address} invites you (${id}): ${state}, ${CAME[came]}, until ${expiresAt}\n    ${inviter}`,
    ),
    ...moved.map(
      ({ address, contact, verification, state }) => `${address} is ${contact} (${verification}): ${STATE[state]}`,
    ),
  ];
}
