import { Failure } from "../../foundation/failure.ts";
import { isLoopback } from "../../foundation/loopback.ts";
import { formatProxyUrl, parseProxyUrl, type SocksProxy } from "../../foundation/proxy-url.ts";
import type { AccountSettings, Secret, Server } from "../../legacy-gateway/accounts/account.ts";
import { discoverServers, worldPorts } from "../../legacy-gateway/discovery/discover.ts";
import type { AccountStanding } from "../../legacy-gateway/gateway.ts";
import { greets } from "../../legacy-gateway/provider/greeting.ts";
import { signIn } from "../../legacy-gateway/provider/oauth-sign-in.ts";
import { parsePin } from "../../legacy-gateway/provider/trust.ts";
import { usualPort } from "../../legacy-gateway/provider/usual-port.ts";
import type { Config } from "../config.ts";
import type { OpenedHome } from "../home/opened-home.ts";
import type { VaultGate } from "../home/vault-gate.ts";
import type {
  GatewayAccountView,
  GatewayAddRequest,
  GatewayChangeRequest,
  GatewayServerRequest,
  Operations,
  SignInProgress,
} from "./operations.ts";

type GatewayOperations = Pick<
  Operations,
  | "gatewayAdd"
  | "gatewayChange"
  | "gatewayPassword"
  | "gatewayList"
  | "gatewayTest"
  | "gatewayPlain"
  | "gatewayPause"
  | "gatewayResume"
  | "gatewayRemove"
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
    async gatewayAdd(request, onProgress, signal) {
      const { address, folders, deleteAfterDays, allowPlain, sentCopy } = request;
      checkAddress(address);
      const named = request.proxy === undefined ? overlayProxy : parseProxyUrl(request.proxy);
      const proxy = request.direct === true ? undefined : named;
      const { imap, smtp, user } = await servers(request, proxy, signal);
      const settings: AccountSettings = {
        address,
        user: request.user ?? user,
        imap,
        ...(smtp !== undefined && { smtp }),
        ...(proxy !== undefined && { proxy }),
        folders,
        keeping: deleteAfterDays === undefined ? { kind: "keep" } : { kind: "delete", afterDays: deleteAfterDays },
        plain: allowPlain ? "allowed" : "refused",
        sentCopy,
      };
      const secret = await secretOf(request, { address, proxy, onProgress, signal });
      const tested = await gateway().add(settings, secret, signal);
      return { account: view(address), tested };
    },

    async gatewayChange(request, _onProgress, signal) {
      const { address } = request;
      const tested = await gateway().change(address, { settings: (before) => changed(before, request) }, signal);
      return { account: view(address), ...(tested !== undefined && { tested }) };
    },

    async gatewayPassword({ address, password }, onProgress, signal) {
      const { id, proxy } = gateway().require(address);
      const before = gateway().accounts.secret(id);
      const secret = await renewed(before, password, { address, proxy, onProgress, signal });
      const tested = await gateway().change(address, { secret }, signal);
      if (tested === undefined) throw new Error("the new secret was not tried");
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

interface SignInContext {
  readonly address: string;
  readonly proxy: SocksProxy | undefined;
  readonly onProgress: ((progress: SignInProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @throws Failure invalid; what signing in throws */
async function secretOf(
  { oauth, password }: Pick<GatewayAddRequest, "oauth" | "password">,
  context: SignInContext,
): Promise<Secret> {
  if (oauth !== undefined) {
    const refreshToken = password ?? (await signedIn(oauth, context));
    return { kind: "oauth", ...oauth, refreshToken };
  }
  if (password === undefined) throw new Failure("invalid", "no password was given");
  return { kind: "password", password };
}

/** The secret that takes the place of another one of its kind. */
async function renewed(before: Secret, password: string | undefined, context: SignInContext): Promise<Secret> {
  if (before.kind === "oauth") return { ...before, refreshToken: password ?? (await signedIn(before, context)) };
  if (password === undefined)
    throw new Failure("invalid", "this account has a password: give the new one, without --sign-in");
  return { kind: "password", password };
}

async function signedIn(
  { page, scope, ...place }: NonNullable<GatewayAddRequest["oauth"]>,
  { address, proxy, onProgress, signal }: SignInContext,
): Promise<string> {
  if (page === undefined || scope === undefined)
    throw new Failure(
      "invalid",
      "where to sign in is not known: name it with --oauth-page and --oauth-scope, or give a refresh token with --password-file",
    );
  const onPage = (url: string): void => onProgress?.({ page: url });
  return await signIn({ ...place, page, scope }, { address, proxy, onPage, signal });
}

function changed(before: AccountSettings, request: GatewayChangeRequest): AccountSettings {
  const { user, imap, smtp, ca, proxy: proxyUrl, direct = false, deleteAfterDays, keep = false, sentCopy } = request;
  const { proxy: proxyBefore, smtp: smtpBefore, ...rest } = before;
  const proxy = direct ? undefined : proxyUrl === undefined ? proxyBefore : parseProxyUrl(proxyUrl);
  const sending =
    smtpBefore === undefined && smtp === undefined
      ? undefined
      : changedServer("smtp", smtpBefore, { ...smtp, ...(ca !== undefined && { ca }) });
  return {
    ...rest,
    ...(user !== undefined && { user }),
    imap: changedServer("imap", before.imap, { ...imap, ...(ca !== undefined && { ca }) }),
    ...(sending !== undefined && { smtp: sending }),
    ...(proxy !== undefined && { proxy }),
    ...(keep && { keeping: { kind: "keep" } }),
    ...(deleteAfterDays !== undefined && { keeping: { kind: "delete", afterDays: deleteAfterDays } }),
    ...(sentCopy !== undefined && { sentCopy }),
  };
}

/** What was pinned or trusted of another host or port goes with it. @throws Failure invalid, forbidden */
function changedServer(
  kind: "imap" | "smtp",
  before: Server | undefined,
  change: Partial<GatewayServerRequest>,
): Server {
  const host = change.host ?? before?.host;
  if (host === undefined) throw new Failure("invalid", `name the server too, with --${kind}-host`);
  const security = change.security ?? before?.security ?? "tls";
  const isNew = before === undefined || host !== before.host || security !== before.security;
  const port = change.port ?? (isNew ? usualPort(kind, security) : before.port);
  const { ca, pin } = before !== undefined && host === before.host ? before : {};
  return server({
    // What a pin was known by goes with it.
    ...(ca !== undefined && change.pin === undefined && { ca }),
    ...(pin !== undefined && change.ca === undefined && { pin }),
    ...change,
    host,
    port,
    security,
  });
}

/** Those that were named; else those that the address's domain tells of. */
async function servers(
  { address, imap, smtp }: GatewayAddRequest,
  proxy: SocksProxy | undefined,
  signal: AbortSignal | undefined,
): Promise<{ imap: Server; smtp?: Server; user: string }> {
  if (imap !== undefined) return { imap: server(imap), ...(smtp && { smtp: server(smtp) }), user: address };
  const ask = { proxy, isolation: address, signal };
  const answers = (kind: "imap" | "smtp", host: string, port: number) => greets(kind, { host, port }, ask);
  const found = await discoverServers(address, worldPorts({ ...ask, answers }));
  const sending = smtp ?? found.smtp;
  return { imap: server(found.imap), ...(sending && { smtp: server(sending) }), user: found.imap.user };
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
