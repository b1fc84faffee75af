import type { Command } from "commander";
import type { GatewayPolicyView } from "../../operations/operations.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand, type CommonOptions } from "./options.ts";

interface PolicyOptions extends CommonOptions {
  readonly allowPlain?: boolean;
}

/** `postern gateway policy`: how letters may go to single old addresses. */
export function addGatewayPolicyCommand(gateway: Command): void {
  addCommand<PolicyOptions>(
    gateway,
    "policy [address] [policy]",
    "Say how letters may go to an old address: overlay-only, encrypt-or-refuse, encrypt-if-possible, plain-allowed, or default.",
    [
      "postern gateway policy",
      "postern gateway policy bob@example.org encrypt-or-refuse",
      "postern gateway policy bob@example.org --allow-plain    # the first plain letter to bob may leave",
      "postern gateway policy bob@example.org default",
    ],
    (command) =>
      command.option("--allow-plain", "plain letters may go there, which providers can read, where no key is known"),
    async (invocation, { allowPlain = false }, address, policy) => {
      const done = await withOperations(invocation, (operations) =>
        operations.gatewayPolicy({
          allowPlain,
          ...(address !== undefined && { address }),
          ...(policy !== undefined && { policy }),
        }),
      );
      const none = "Nothing is said of single addresses: what their accounts say holds.";
      invocation.output.result(done, done.policies.length === 0 ? none : done.policies.map(line).join("\n"));
    },
  );
}

function line({ address, policy = "default", plainConfirmed }: GatewayPolicyView): string {
  return `${address}  ${policy}${plainConfirmed ? ", plain letters were allowed" : ""}`;
}
