/*
 * Thunderbird's own OpenPGP, by what its key wizard, its import dialog and its compose window call. Goes behind
 * ./thunderbird-inside.js in every script.
 */
const { EnigmailConstants } = ChromeUtils.importESModule("chrome://openpgp/content/modules/constants.sys.mjs");
const { EnigmailKeyRing } = ChromeUtils.importESModule("chrome://openpgp/content/modules/keyRing.sys.mjs");
const { OpenPGPMasterpass } = ChromeUtils.importESModule("chrome://openpgp/content/modules/masterpass.sys.mjs");
const { PgpSqliteDb2 } = ChromeUtils.importESModule("chrome://openpgp/content/modules/sqliteDb.sys.mjs");
const { RNP } = ChromeUtils.importESModule("chrome://openpgp/content/modules/RNP.sys.mjs");

/** Makes a key for the account and takes it into use, as the wizard does; resolves with its fingerprint. */
async function makeOpenPgpKey() {
  const identity = MailServices.accounts.defaultAccount.defaultIdentity;
  const password = await OpenPGPMasterpass.retrieveOpenPGPPassword();
  const id = await RNP.genKey(`${identity.fullName} <${identity.email}>`, "ECC", 0, 0, password);
  await RNP.saveKeyRings();
  EnigmailKeyRing.clearCache();
  const { fpr } = EnigmailKeyRing.getKeyById(`0x${id}`);
  await PgpSqliteDb2.acceptAsPersonalKey(fpr);
  identity.setUnicharAttribute("openpgp_key_id", id);
  return fpr.toLowerCase();
}

function shownMessage() {
  return threePane().messageBrowser.contentWindow;
}

function nameOf(prefix, value) {
  const found = Object.entries(EnigmailConstants).find(([name, one]) => name.startsWith(prefix) && one === value);
  return found[0].slice(prefix.length);
}

/**
 * Opens the letter that the list shows under this subject, and resolves once its text is there and everything about its
 * keys was looked at, with what the window says of it.
 */
async function readProtected(use, listed, text) {
  await list(use, listed);
  const header = headerOf(threePane().gFolder, listed);
  await until(() => {
    threePane().selectMessage(header);
    return threePane().gDBView.numSelected === 1 && threePane().gDBView.hdrForFirstSelectedMessage === header;
  }, `the row of "${listed}"`);
  return await until(() => {
    const { Enigmail, document, currentHeaderData } = shownMessage();
    const words = shownMessage().getMessagePaneBrowser().contentDocument?.body?.innerText ?? "";
    if (!words.includes(text)) return false;
    return {
      text: words,
      subject: currentHeaderData.subject?.headerValue,
      listedSubject: subjectOf(header),
      signature: nameOf("MSG_SIG_", Enigmail.hdrView.msgSignatureState),
      encryption: nameOf("MSG_ENC_", Enigmail.hdrView.msgEncryptionState),
      keyOffered: !document.getElementById("openpgpKeyBox").hasAttribute("hidden"),
    };
  }, `"${text}" in the message pane`);
}

/** Takes the key that the letter that is shown brought, and says that it was compared: the button "OpenPGP Key", "Import". */
async function acceptSenderKey() {
  const { Enigmail } = shownMessage();
  const [info] = await until(
    () => Enigmail.msg.attachedSenderEmailKeysIndex.length > 0 && Enigmail.msg.attachedSenderEmailKeysIndex,
    "a key in the letter",
  );
  const error = {};
  const key = Enigmail.msg.attachedKeys[info.idx];
  const status = await EnigmailKeyRing.importKeyAsync(
    shownMessage(),
    false,
    key,
    true,
    "",
    error,
    null,
    false,
    [info.fpr],
    "verified",
  );
  if (status !== 0) throw new Error(`the key was not taken: ${error.value}`);
  EnigmailKeyRing.clearCache();
  return info.keyInfo.fpr.toLowerCase();
}

/** Writes a letter, switches signing and encryption on as its toolbar does, and clicks Send. */
async function sendProtected(to, subject, text, { sign, encrypt }) {
  const compose = await openCompose(to, subject, text);
  await until(() => compose.gSelectedTechnologyIsPGP, "OpenPGP in the compose window");
  if (compose.gSendEncrypted !== encrypt) compose.toggleEncryptMessage();
  // It looks at the recipients' keys first, and decides of the subject then.
  if (encrypt) await until(() => compose.gEncryptSubject, "a subject that is to be encrypted");
  if (compose.gSendSigned !== sign) compose.toggleGlobalSignMessage();
  await until(
    () => compose.gSendEncrypted === encrypt && compose.gSendSigned === sign,
    "signing and encryption as they were chosen",
  );
  await clickSend(compose);
}

Object.assign(globalThis.verbs, { makeOpenPgpKey, readProtected, acceptSenderKey, sendProtected });
