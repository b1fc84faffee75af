import { Failure } from "../foundation/failure.ts";
import { formatProxyUrl, parseProxyUrl } from "../foundation/proxy-url.ts";
import type { AccountSettings, Secret, Server } from "../legacy-gateway/accounts/account.ts";
import type { AccountStanding } from "../legacy-gateway/gateway.ts";
import { isLoopback } from "../legacy-gateway/provider/loopback.ts";
import { parsePin } from "../legacy-gateway/provider/trust.ts";
import type { Config } from "./config.ts";
import type { OpenedHome } from "./opened-home.ts";
import type { GatewayAccountView, GatewayServerRequest, Operations } from "./operations.ts";
import type { VaultGate } from "./vault-gate.ts";

type GatewayOperations = Pick<
  Operations,
  "gatewayAdd" | "gatewayList" | "gatewayTest" | "gatewayPlain" | "gatewayPause" | "gatewayResume" | "gatewayRemove"
>;

/** What `postern gateway` does: accounts at providers of old e-mail. */
export function gatewayOperations(
  gate: VaultGate<OpenedHome>,
  { proxy: overlayProxy }: Pick<Config, "proxy">,
): GatewayOperations {
  const gateway = () => gate.require().gateway;
  const view = (address: string): GatewayAccountView => {
    const standing = gateway()
      .standings()
      .find(({ account }) => account.address === address.toLowerCase());
    if (standing === undefined) throw new Failure("nonexistent", `there is no account "${address}"`);
    return viewAccount(standing);
  };
  return {
    async gatewayAdd(request, _onProgress, signal) {
      const { address, user = address, password, imap, smtp, folders, deleteAfterDays, allowPlain, sentCopy } = request;
      checkAddress(address);
      const proxy = request.proxy === undefined ? overlayProxy : parseProxyUrl(request.proxy);
      const settings: AccountSettings = {
        address,
        user,
        imap: server(imap),
        ...(smtp !== undefined && { smtp: server(smtp) }),
        ...(proxy !== undefined && request.direct !== true && { proxy }),
        folders,
        keeping: deleteAfterDays === undefined ? { kind: "keep" } : { kind: "delete", afterDays: deleteAfterDays },
        plain: allowPlain ? "allowed" : "refused",
        sentCopy,
      };
      const secret: Secret = { kind: "password", password };
      const tested = await gateway().add(settings, secret, signal);
      return { account: view(address), tested };
    },

    async gatewayList() {
      return { accounts: gateway().standings().map(viewAccount) };
    },

    async gatewayTest({ address }, _onProgress, signal) {
      return { address, ...(await gateway().test(address, signal)) };
    },

    async gatewayPlain({ address, allowed }) {
      const account = gateway().allowPlain(address, allowed);
      return { account: view(account.address) };
    },

    async gatewayPause({ address }) {
      const account = await gateway().pause(address);
      return { account: view(account.address) };
    },

    async gatewayResume({ address }) {
      return { account: view(gateway().resume(address).address) };
    },

    async gatewayRemove({ address }) {
      const { address: removed } = await gateway().remove(address);
      return { removed };
    },
  };
}

export function viewAccount({ account, incoming }: AccountStanding): GatewayAccountView {
  const { address, user, imap, smtp, proxy, folders, keeping, plain, sentCopy, paused } = account;
  const { state, ...progress } = incoming;
  return {
    address,
    user,
    imap: { host: imap.host, port: imap.port },
    ...(smtp !== undefined && { smtp: { host: smtp.host, port: smtp.port } }),
    ...(proxy !== undefined && { proxy: formatProxyUrl(proxy) }),
    folders,
    ...(keeping.kind === "delete" && { deleteAfterDays: keeping.afterDays }),
    plain,
    sentCopy,
    state: paused ? "paused" : state.kind,
    ...(state.kind === "waiting" && {
      reason: state.reason,
      refused: state.refused,
      nextTry: new Date(state.until).toISOString(),
    }),
    letters: progress,
  };
}

function checkAddress(address: string): void {
  if (!/^[^\s@<>"\p{Cc}]{1,64}@[a-z0-9.-]{1,255}$/iu.test(address) || address.toLowerCase().endsWith("postern.alt"))
    throw new Failure("invalid", `"${address}" is no e-mail address: write it like ann@example.org`);
}

/** @throws Failure invalid, forbidden */
function server({ host, port, security, ca, pin }: GatewayServerRequest): Server {
  if (!/^[\w.:-]{1,255}$/.test(host)) throw new Failure("invalid", `"${host}" is no host name`);
  if (security === "none" && !isLoopback(host))
    throw new Failure(
      "forbidden",
      `${host} is not on this machine: without TLS your password would travel in the clear`,
    );
  return {
    host: host.toLowerCase(),
    port,
    security,
    ...(ca !== undefined && { ca }),
    ...(pin !== undefined && { pin: parsePin(pin) }),
  };
}
