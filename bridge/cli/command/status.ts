import type { Command } from "commander";
import { formatHostPort } from "../../host-port.ts";
import { describeMode, describeRoute } from "../../network/carriers.ts";
import type { StatusView } from "../../operations/operations.ts";
import { describeAccount } from "../describe-account.ts";
import { withOperations } from "../with-operations.ts";
import { addCommand } from "./options.ts";

function describe(status: StatusView): string {
  const rows: (readonly [string, string | undefined])[] = [
    ["bridge", status.running ? "running" : "not running (postern run)"],
    ["home", status.home],
    ["vault", describeVault(status)],
    ["address", status.address],
    ["IMAP", status.imap && formatHostPort(status.imap)],
    ["SMTP", status.smtp && formatHostPort(status.smtp)],
    ["certificate", `${status.caFile}\nSHA-256 ${status.caFingerprint}`],
    ["relay", status.relay && describeRelay(status.relay)],
    ["mode", status.route && describeMode(status.route.mode)],
    ["relays reached", status.route && describeRoute(status.route)],
    ["contacts", status.contacts?.toString()],
    ["open invites", status.pendingInvites?.toString()],
    ["letters", status.messages?.toString()],
    ["queue", status.queue && `${status.queue.waiting} waiting, ${status.queue.failed} failed`],
    ["by hand", status.carried && describeCarried(status.carried)],
    ["old e-mail", describeAccounts(status)],
    ["contacts kept", status.recoveryRecord && `at your relays, as of ${status.recoveryRecord} (postern recover)`],
    ["paper key", status.paperKeyKept ? "still in the vault: write it down (postern paper-key)" : undefined],
  ];
  return rows
    .flatMap(([name, value]) =>
      value === undefined ? [] : `${name.padEnd(14)} ${value.replaceAll("\n", `\n${" ".repeat(15)}`)}`,
    )
    .join("\n");
}

function describeRelay({ kind, address, published }: NonNullable<StatusView["relay"]>): string {
  if (published === undefined) return `${kind}, ${address}`;
  return `${kind}, ${address}\n${published ? "an onion service" : "not an onion service yet: Tor does not answer, see the log"}`;
}

function describeCarried({ contacts, cells }: NonNullable<StatusView["carried"]>): string | undefined {
  if (contacts + cells === 0) return undefined;
  return `${contacts} contacts, ${cells} cells not confirmed (postern carry)`;
}

function describeAccounts({ gateway = [] }: StatusView): string | undefined {
  if (gateway.length === 0) return undefined;
  return gateway.map((account) => `${account.address}: ${describeAccount(account)}`).join("\n");
}

function describeVault({ vault, running }: StatusView): string {
  if (!running) return "closed";
  return vault === "open" ? "open" : "locked: it opens when a mail program logs in";
}

export function addStatusCommand(program: Command): void {
  addCommand(
    program,
    "status",
    "Show whether the bridge runs, where its fronts really listen, and what waits.",
    ["postern status", "postern status --json"],
    (command) => command,
    async (invocation) => {
      const status = await withOperations(invocation, (operations) => operations.status(), { unlocked: false });
      invocation.output.result(status, describe(status));
    },
  );
}
