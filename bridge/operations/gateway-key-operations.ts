import { readFile, stat } from "node:fs/promises";
import { Failure } from "../../foundation/failure.ts";
import { parseEntity } from "../../legacy-gateway/openpgp/entity.ts";
import { MAX_IMPORT, MAX_SETUP_MESSAGE } from "../../legacy-gateway/openpgp/limits.ts";
import { POLICIES } from "../../legacy-gateway/policy/decide.ts";
import { formatDateTime } from "../../mime/date.ts";
import type { GatewayKeys } from "../gateway/gateway-keys.ts";
import { newMessageId } from "../notices/notice.ts";
import type { GatewayKeyView, Operations } from "./operations.ts";

type KeyOperations = Pick<
  Operations,
  | "gatewayKeyMake"
  | "gatewayKeyImport"
  | "gatewayKeyExport"
  | "gatewayKeyList"
  | "gatewayKeyAccept"
  | "gatewayKeyPrefer"
  | "gatewaySetupMessage"
  | "gatewayPolicy"
>;

/** Loads OpenPGP.js. */
const autocryptSetup = () => import("../../legacy-gateway/openpgp/autocrypt-setup.ts");

/** What `postern gateway key` does. */
export function gatewayKeyOperations(keys: () => GatewayKeys, now: () => number = Date.now): KeyOperations {
  return {
    async gatewayKeyMake({ address, name, another = false }) {
      checkOldAddress(address);
      const book = await keys().book();
      const made = another ? await book.makeAnother(address, name) : await book.make(address, name);
      return { fingerprint: made.fingerprint, address: address.toLowerCase() };
    },

    async gatewayKeyImport({ path, passphrase, setupCode }) {
      const octets = await readBounded(path, setupCode === undefined ? MAX_IMPORT : MAX_SETUP_MESSAGE);
      const { preferences } = keys();
      const book = await keys().book();
      if (setupCode === undefined) return { imported: [...(await book.import(octets, passphrase))] };
      const { openSetupMessage, setupMessageOf } = await autocryptSetup();
      const sealed = (await setupMessageOf(parseEntity(octets))) ?? octets.toString("latin1");
      const { key, preferEncrypt } = await openSetupMessage(sealed, setupCode);
      const kept = await book.keepOwn(key);
      for (const address of kept.addresses) preferences.set(address, { preferEncrypt });
      return { imported: [kept] };
    },

    async gatewayKeyExport({ address, secret = false, passphrase }) {
      const book = await keys().book();
      if (secret) return { armored: await book.exportSecret(address, passphrase) };
      return { armored: await book.exportPublic(address) };
    },

    async gatewayKeyList() {
      const { store } = keys();
      const book = await keys().book();
      const views: GatewayKeyView[] = [];
      for (const { address, fingerprint, origin, accepted, firstSeen } of store.allBindings())
        views.push({
          address,
          fingerprint,
          origin,
          accepted,
          fitness: await book.fitness(fingerprint),
          since: new Date(firstSeen).toISOString(),
        });
      return { keys: views };
    },

    async gatewayKeyAccept({ address, fingerprint }) {
      const plain = fingerprint.replace(/\s+/g, "").toLowerCase();
      if (!keys().store.accept(address.toLowerCase(), plain))
        throw new Failure(
          "nonexistent",
          `${address} has no such key here: \`postern gateway key list\` shows those that it has`,
        );
      return { address: address.toLowerCase(), fingerprint: plain };
    },

    async gatewayKeyPrefer({ address, preferEncrypt, signPlain }) {
      checkOldAddress(address);
      const { preferences } = keys();
      if (preferEncrypt !== undefined && preferEncrypt !== "mutual" && preferEncrypt !== "nopreference")
        throw new Failure("invalid", "what others are asked for is mutual or nopreference");
      const chosen = preferences.set(address, {
        ...(preferEncrypt !== undefined && { preferEncrypt }),
        ...(signPlain !== undefined && { signPlain }),
      });
      return { address: address.toLowerCase(), ...chosen };
    },

    async gatewayPolicy({ address, policy, allowPlain = false }) {
      const { policies } = keys();
      if (address === undefined) return { policies: policies.list() };
      checkOldAddress(address);
      const wanted = POLICIES.find((one) => one === policy);
      if (policy !== undefined && policy !== "default" && wanted === undefined)
        throw new Failure("invalid", `a policy is one of ${POLICIES.join(", ")}, or default`);
      if (policy !== undefined) policies.set(address, wanted);
      if (allowPlain) policies.confirmPlain(address);
      return { policies: [policies.of(address)] };
    },

    async gatewaySetupMessage({ address }) {
      const { preferences } = keys();
      const key = (await keys().book()).ownFor(address);
      if (key === undefined)
        throw new Failure("nonexistent", `${address} has no key of its own: \`postern gateway key make ${address}\``);
      const { formatSetupMessage, makeSetupCode } = await autocryptSetup();
      const code = makeSetupCode();
      const header = `From: ${address}\r\nTo: ${address}\r\nSubject: Autocrypt Setup Message\r\nDate: ${formatDateTime(now())}\r\nMessage-ID: ${newMessageId()}\r\n`;
      return { code, letter: header + (await formatSetupMessage(key, code, preferences.of(address).preferEncrypt)) };
    },
  };
}

/** @throws Failure invalid */
export function checkOldAddress(address: string): void {
  if (!/^[^\s@<>"\p{Cc}]{1,64}@[a-z0-9.-]{1,255}$/iu.test(address) || address.toLowerCase().endsWith("postern.alt"))
    throw new Failure("invalid", `"${address}" is no e-mail address: write it like ann@example.org`);
}

/** @throws Failure nonexistent, too-big */
async function readBounded(path: string, limit: number): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > limit)
      throw new Failure("too-big", `${path} is too large to hold keys: export only those that you need`);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure("nonexistent", `${path} cannot be read`, { cause });
  }
}
