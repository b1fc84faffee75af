import { randomBytes } from "node:crypto";
import { systemClock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import { Contacts } from "../../keyring/contacts.ts";
import { loadDevice } from "../../keyring/device.ts";
import { type Identity, loadIdentity } from "../../keyring/identity.ts";
import { RecoverySecrets } from "../../keyring/recovery-secret.ts";
import type { Vault } from "../../keyring/vault.ts";
import type { VaultFile } from "../../keyring/vault-file.ts";
import { LegacyGateway } from "../../legacy-gateway/gateway.ts";
import { releaseLetter } from "../../legacy-gateway/incoming/release-letter.ts";
import { overlayOnly } from "../../legacy-gateway/policy/decide.ts";
import type { GatewayNotice } from "../../legacy-gateway/ports.ts";
import type { Aliases } from "../../legacy-gateway/upgrade/aliases.ts";
import { openUpgradeStores } from "../../legacy-gateway/upgrade/upgrade-stores.ts";
import { openMaildir } from "../../maildir/open.ts";
import type { Maildir } from "../../maildir/store.ts";
import type { Carrier } from "../../overlay-adapter/carriers/carrier.ts";
import { type Overlay, openOverlay } from "../../overlay-adapter/overlay.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { SubmissionSink } from "../../smtp-front/submission.ts";
import { Account } from "../account.ts";
import { AdminKeyRenewal } from "../admin-key-renewal.ts";
import { MailCommands } from "../by-mail/mail-commands.ts";
import { type GatewayKeys, type GatewayKeysOptions, openGatewayKeys } from "../gateway/gateway-keys.ts";
import { createLetterReceiver } from "../incoming.ts";
import { fileNotice } from "../notices/file-notice.ts";
import { GatewayNotices } from "../notices/gateway-notices.ts";
import { formatNotice } from "../notices/notice.ts";
import { OverlayEventHandler } from "../notices/overlay-events.ts";
import { createLegacyReporter } from "../reports/legacy-reports.ts";
import { forgetOldLetters, isReported } from "../reports/letter-reports.ts";
import { SentCopies } from "../submission/sent-copies.ts";
import { createSubmissionSink } from "../submission/submission.ts";
import { Twins } from "../upgrade/twins.ts";
import { Upgrades } from "../upgrade/upgrades.ts";
import type { HomePaths } from "./home.ts";
import { MAILDIR_KEY_LABEL, MESSAGE_ID_KEY_LABEL, openExistingState } from "./state.ts";

/** Everything that lies behind the vault, opened and put together. */
export interface OpenedHome {
  readonly db: Database;
  readonly identity: Identity;
  readonly contacts: Contacts;
  readonly account: Account;
  readonly maildir: Maildir;
  readonly mailStore: Maildir;
  readonly overlay: Overlay;
  readonly recovery: RecoverySecrets;
  readonly adminKey: AdminKeyRenewal;
  readonly gateway: LegacyGateway;
  readonly gatewayKeys: GatewayKeys;
  /** Old contacts on their way to the overlay. */
  readonly upgrades: Upgrades;
  readonly submissionSink: SubmissionSink;
  /** What the user asks of the bridge by mail. */
  readonly commands: MailCommands;
  readonly relay: RelayAddress;
  /** Of the own relay, if it is to be one. */
  readonly onion?: { readonly published: boolean };
  close(): Promise<void>;
}

export interface OpenHomeOptions {
  readonly paths: HomePaths;
  readonly vault: Vault;
  readonly vaultFile: VaultFile;
  /** The own relay, with its token. */
  readonly relay: RelayAddress;
  /** With their tokens. */
  readonly spareRelays: readonly RelayAddress[];
  readonly carrier: Carrier;
  /** To contacts' relays, if that is another. */
  readonly sendingCarrier: Carrier | undefined;
  readonly logger: Logger;
  /** Octets that mail may take. */
  readonly mailQuota: number | undefined;
  /** Senders learn that their letters were taken. */
  readonly sendReceipts: boolean;
  /** Large letters are put to the own relay, for recipients to fetch: it has to be there when this bridge is not. */
  readonly sendBlobs: boolean;
  /** Where OpenPGP keys of old addresses may be asked for, and how. */
  readonly keyLookup?: GatewayKeysOptions["lookup"];
  /** Contacts whom a letter shows to each other are introduced. */
  readonly introduceCoRecipients: boolean;
}

/** Opens what the vault keeps; nothing is sent or received before `overlay.start`. @throws Failure damaged, full */
export async function openHome(options: OpenHomeOptions): Promise<OpenedHome> {
  const { paths, vault, vaultFile, relay, spareRelays, carrier, sendingCarrier, logger, mailQuota, sendReceipts } =
    options;
  const clock = systemClock;
  const db = await openExistingState(paths, vault);
  try {
    const identity = loadIdentity(db, randomBytes);
    const device = loadDevice(db);
    if (identity === undefined || device === undefined)
      throw new Failure("damaged", `${paths.state} holds no identity: restore it from a copy`);
    const recovery = new RecoverySecrets(db);
    const seed = identity.masterSeed();
    if (seed !== undefined) recovery.begin(seed);
    const contacts = new Contacts(db, { now: () => clock.now(), own: identity });
    const upgradeStores = openUpgradeStores(db, clock);
    const { aliases, invitations } = upgradeStores;
    const account = new Account(identity, contacts, aliases);
    const sentCopies = new SentCopies(db);
    db.transaction(() => {
      sentCopies.forgetOld(clock.now());
      forgetOldLetters(db, clock.now());
    });
    const maildir = await openMaildir({
      db,
      home: paths.home,
      vaultKey: vault.derive(MAILDIR_KEY_LABEL),
      recoveryRecipient: vaultFile.recoveryRecipient,
      clock,
      logger,
      ...(mailQuota !== undefined && { quota: mailQuota }),
      appendMerger: (mailbox) => sentCopies.merger(mailbox),
    });
    const invitedAddress = (invite: string) => invitations.byInvite(invite)?.address;
    const events = new OverlayEventHandler({ db, account, contacts, maildir, logger, invitedAddress });
    const release = (mailbox: string, uid: number) => releaseLetter(db, mailbox, uid);
    const twins = new Twins({ db, maildir, aliases, release, logger });
    let upgrades: Upgrades | undefined;
    const overlay = openOverlay({
      db,
      home: paths.home,
      identity,
      contacts,
      device,
      relay,
      spareRelays,
      carrier,
      ...(sendingCarrier && { sendingCarrier }),
      receiver: createLetterReceiver({ account, contacts, maildir, logger, twins }),
      clock,
      logger,
      receipts: { send: sendReceipts },
      isAskedFor: (letter, to) => isReported(db, { letter, to, progress: "delivered" }),
      blobs: { send: options.sendBlobs },
      recovery,
      companion: aliases,
      onEvent: (event) => {
        upgrades?.heard(event);
        events.handle(event);
      },
    });
    events.overlay = overlay;
    const notices = new GatewayNotices({ db, account, maildir, clock, logger });
    const notify = (notice: GatewayNotice) => notices.tell(notice);
    const gatewayKeys = openGatewayKeys({
      db,
      now: () => clock.now(),
      notify,
      upgrade: {
        movedTo: (address) => stateOf(aliases, contacts, address),
        hasMoved: (address) => aliases.hasMoved(address),
        isHere: async (address, id, payload) => {
          const label = aliases.moved(address);
          return label !== undefined && (await twins.isHere(label, id, payload));
        },
        seen: async (invitation) => await upgrades?.seen(invitation),
        invitation: (address, encrypted) => upgrades?.invitation(address, encrypted),
      },
      ...(options.keyLookup && { lookup: options.keyLookup }),
    });
    const gateway = new LegacyGateway({
      db,
      mail: maildir,
      clock,
      logger,
      notify,
      report: createLegacyReporter({ db, account, maildir, now: () => clock.now() }),
      read: gatewayKeys.read,
      write: gatewayKeys.write,
      forbids: (address) => overlayOnly(gatewayKeys.policies.of(address)),
    });
    upgrades = new Upgrades({
      db,
      stores: upgradeStores,
      account,
      contacts,
      overlay,
      maildir,
      isOwn: (address) => gateway.road.isOwn(address),
      clock,
      logger,
    });
    const adminKey = new AdminKeyRenewal({
      db,
      identity,
      overlay,
      clock,
      logger,
      tell: async (notice, settle) => {
        const now = clock.now();
        await fileNotice(
          { db, maildir },
          { content: formatNotice({ to: account.address, ...notice, now }), now },
          settle,
        );
      },
    });
    const commands = new MailCommands({
      db,
      account,
      contacts,
      maildir,
      overlay,
      upgrades,
      clock,
      logger,
      random: randomBytes,
    });
    const submissionSink = createSubmissionSink({
      db,
      account,
      maildir,
      overlay,
      sentCopies,
      legacy: gateway.road,
      aliases,
      commands,
      messageIdKey: vault.derive(MESSAGE_ID_KEY_LABEL),
      introduces: options.introduceCoRecipients,
      clock,
    });
    return {
      db,
      identity,
      contacts,
      account,
      maildir,
      mailStore: maildir,
      overlay,
      recovery,
      adminKey,
      gateway,
      gatewayKeys,
      upgrades,
      submissionSink,
      commands,
      relay,
      async close() {
        await adminKey.stop();
        await gateway.close();
        await notices.settled();
        commands.stop();
        await upgrades?.stop();
        await overlay.close();
        await commands.settled();
        await events.settled();
        await twins.settled();
        await maildir.close();
        db.close();
      },
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** How far the contact is known who has moved from that address. */
function stateOf(aliases: Aliases, contacts: Contacts, address: string): string | undefined {
  const label = aliases.moved(address);
  return label === undefined ? undefined : contacts.byLabel(label)?.state;
}
