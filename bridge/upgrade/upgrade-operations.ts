import { formatAddress } from "../../foundation/address.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Consent } from "../../legacy-gateway/upgrade/consents.ts";
import { OWN_LOCAL_PART } from "../account.ts";
import { checkOldAddress } from "../operations/gateway-key-operations.ts";
import type { GatewayUpgradeView, Operations } from "../operations/operations.ts";
import type { Upgrades } from "./upgrades.ts";

type UpgradeOperations = Pick<
  Operations,
  "gatewayUpgrade" | "gatewayUpgradeAccept" | "gatewayUpgradeRefuse" | "gatewayUpgradeBack"
>;

export interface UpgradeHome {
  readonly upgrades: Upgrades;
  readonly contacts: Contacts;
}

/** What `postern gateway upgrade` does. `home` throws while the vault is locked. */
export function upgradeOperations(home: () => UpgradeHome): UpgradeOperations {
  return {
    async gatewayUpgrade({ invite, address, inTheClear = false }) {
      const { consents } = home().upgrades.stores;
      if (address !== undefined) checkOldAddress(address);
      if (inTheClear && (invite !== true || address === undefined))
        throw new Failure(
          "invalid",
          "an invitation in the clear can be taken by whoever reads the letter: allow it for one address at a time",
        );
      const consent: Consent = invite !== true ? "off" : inTheClear ? "clear" : "encrypted";
      if (invite !== undefined) consents.set(consent, address);
      return viewUpgrades(home());
    },

    async gatewayUpgradeAccept({ which, name }) {
      return await home().upgrades.accept(which, name);
    },

    async gatewayUpgradeRefuse({ which }) {
      return { refused: home().upgrades.refuse(which) };
    },

    async gatewayUpgradeBack({ address }) {
      return home().upgrades.takeBack(address);
    },
  };
}

function viewUpgrades({ upgrades, contacts }: UpgradeHome): GatewayUpgradeView {
  const { consents, offers, aliases } = upgrades.stores;
  return {
    everybody: consents.general(),
    addresses: consents.list(),
    invitations: offers
      .list()
      .filter(({ state }) => state !== "taken")
      .map(({ id, address, inviter, came, state, expiresAt }) => ({
        id: `invitation-${id}`,
        address,
        inviter: formatAddress(OWN_LOCAL_PART, inviter),
        came,
        state,
        expiresAt: new Date(expiresAt).toISOString(),
      })),
    moved: aliases.list().map(({ address, label, state }) => {
      const contact = contacts.byLabel(label);
      return {
        address,
        contact: contact?.petname ?? formatAddress(OWN_LOCAL_PART, label),
        verification: contact?.state ?? "gone",
        state,
      };
    }),
  };
}
