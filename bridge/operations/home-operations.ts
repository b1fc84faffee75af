import { readFile, stat } from "node:fs/promises";
import { formatAddress } from "../../foundation/address.ts";
import { Failure } from "../../foundation/failure.ts";
import { certificateFingerprint } from "../../keyring/certificate.ts";
import { seedToWords } from "../../keyring/paper-key.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import { exportMail } from "../../maildir/export/export.ts";
import { importMail } from "../../maildir/import/import.ts";
import { formatRelayUrl, withoutToken } from "../../relay/relay-url.ts";
import { OWN_LOCAL_PART } from "../account.ts";
import type { Config } from "../config.ts";
import type { HomePaths } from "../home/home.ts";
import type { OpenedHome } from "../home/opened-home.ts";
import type { VaultGate } from "../home/vault-gate.ts";
import { formatHostPort, type HostPort } from "../host-port.ts";
import { routeOf } from "../network/carriers.ts";
import { explain } from "../reports/letter-reports.ts";
import { upgradeOperations } from "../upgrade/upgrade-operations.ts";
import { carryOperations } from "./carry-operations.ts";
import { contactOperations } from "./contact-operations.ts";
import { deviceOperations } from "./device-operations.ts";
import { gatewayKeyOperations } from "./gateway-key-operations.ts";
import { gatewayOperations, viewAccount } from "./gateway-operations.ts";
import type { Operations, StatusView } from "./operations.ts";
import { recoveryOperations } from "./recovery-operations.ts";

export interface HomeOperationsOptions {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly gate: VaultGate<OpenedHome>;
  /** Where the fronts listen, if they do. */
  readonly fronts: () => { readonly imap: HostPort; readonly smtp: HostPort } | undefined;
}

/** The operations on a home in this process. */
export function homeOperations({ paths, config, gate, fronts }: HomeOperationsOptions): Operations {
  return {
    ...carryOperations(gate),
    ...gatewayOperations(gate, config),
    ...gatewayKeyOperations(() => gate.require().gatewayKeys),
    ...upgradeOperations(() => gate.require()),

    async status() {
      const inside = gate.inside;
      const listening = fronts();
      const caFingerprint = certificateFingerprint(await readFile(paths.authority, "utf8"));
      const common = {
        home: paths.home,
        running: listening !== undefined,
        imap: listening?.imap ?? config.imap,
        smtp: listening?.smtp ?? config.smtp,
        caFile: paths.authority,
        caFingerprint,
        route: routeOf(config),
        memoryBytes: process.memoryUsage.rss(),
      };
      if (inside === undefined) return { ...common, vault: "locked" };
      return { ...common, ...openStatus(inside, config) };
    },

    ...contactOperations(() => gate.require()),
    ...deviceOperations(() => gate.require()),
    ...recoveryOperations(() => gate.require()),

    async queue() {
      const { overlay, contacts, gateway } = gate.require();
      const letters = overlay.status().deliveries.map(({ to, state, since, size, reason }) => ({
        to: contacts.byLabel(to)?.petname ?? formatAddress(OWN_LOCAL_PART, to),
        state: state === "encrypted" ? "waiting" : state,
        since: new Date(since).toISOString(),
        size,
        ...(reason !== undefined && { reason: explain(reason) }),
      }));
      const byEmail = gateway.outbox.list().map(({ letter, delivery }) => ({
        to: delivery.recipient,
        state: delivery.state === "refused" ? "failed" : delivery.state === "sent" ? "relayed" : "waiting",
        since: new Date(letter.since).toISOString(),
        size: letter.size,
        ...(delivery.words !== undefined && { reason: delivery.words }),
      }));
      return { letters: [...letters, ...byEmail] };
    },

    async addAppPassword({ name }) {
      const { account } = gate.require();
      return { name, user: account.address, appPassword: await gate.addAppPassword(name) };
    },

    async listAppPasswords() {
      return { names: gate.appPasswordNames() };
    },

    async removeAppPassword({ name }) {
      await gate.removeAppPassword(name);
      return { removed: name };
    },

    async paperKey() {
      const { identity, account } = gate.require();
      const seed = identity.masterSeed();
      if (seed === undefined)
        throw new Failure("nonexistent", "the paper key is no longer on this machine: only the paper has it");
      const { identity: secret, recipient } = recoveryIdentity(seed);
      return {
        words: seedToWords(seed),
        recoveryIdentity: secret,
        recoveryRecipient: recipient,
        address: account.address,
        relays: [gate.require().relay, ...(config.spareRelays ?? [])].map((relay) =>
          formatRelayUrl(withoutToken(relay)),
        ),
        relayIsHere: config.relayUrl === undefined,
      };
    },

    async forgetPaperKey() {
      gate.require().identity.forgetMasterSeed();
      return { forgotten: true };
    },

    async importMail({ path, folder }, onProgress, signal) {
      const { maildir } = gate.require();
      await stat(path).catch((error: unknown) => {
        throw new Failure("nonexistent", `${path} cannot be read`, { cause: error });
      });
      return await importMail(maildir, path, folder, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
    },

    async importAccount(request, onProgress, signal) {
      const { maildir } = gate.require();
      const { importAccount } = await import("../../maildir/import/account/import-account.ts");
      return await importAccount(maildir, request, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
    },

    async exportMail({ path, ...request }, onProgress, signal) {
      const { maildir } = gate.require();
      return await exportMail(maildir, path, {
        ...request,
        ...(onProgress && { onProgress }),
        ...(signal && { signal }),
      });
    },
  };
}

function openStatus(inside: OpenedHome, config: Config): Partial<StatusView> & Pick<StatusView, "vault"> {
  const { account, contacts, overlay, maildir, identity, relay } = inside;
  const { waiting, failed } = overlay.status();
  const recordedAt = overlay.recordWrittenAt();
  return {
    vault: "open",
    address: account.address,
    relay: {
      kind: config.relayUrl === undefined ? "own" : "external",
      address: formatHostPort(relay),
      ...(inside.onion && { published: inside.onion.published }),
    },
    contacts: contacts.list().length,
    pendingInvites: overlay.pendingInvites().length,
    queue: { waiting, failed },
    carried: { contacts: overlay.carrying.contacts().length, cells: overlay.carrying.waiting() },
    messages: maildir.mailboxes().reduce((sum, mailbox) => sum + mailbox.status().messages, 0),
    gateway: inside.gateway.standings().map(viewAccount),
    paperKeyKept: identity.masterSeed() !== undefined,
    ...(recordedAt !== undefined && { recoveryRecord: new Date(recordedAt).toISOString() }),
  };
}
