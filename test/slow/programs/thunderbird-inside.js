/*
 * What runs inside Thunderbird, with its own rights, in front of every script that ./thunderbird.ts sends: it clicks
 * where a person would click, and waits for what a person would see.
 */
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
// The window's own timers stand still while a dialog is open.
const { setTimeout: later } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");

const POLL = 100;

async function until(look, what, patience = 30_000) {
  const end = Date.now() + patience;
  let trouble = "";
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      trouble = "";
    } catch (error) {
      trouble = `: ${String(error)}`;
    }
    if (Date.now() > end) throw new Error(`${what}: not there after ${patience} ms${trouble}${openDialogs()}`);
    await new Promise((resolve) => later(resolve, POLL));
  }
}

function windows() {
  return [...Services.wm.getEnumerator(null)];
}

/** What dialogs say that stand in the way, for an error's text. */
function openDialogs() {
  return windows()
    .filter(({ location }) => /commonDialog|exceptionDialog|pippki/.test(location.href))
    .map(({ document }) => `; a dialog says: ${document.getElementById("infoBody")?.textContent || document.title}`)
    .join("");
}

function mainWindow() {
  return Services.wm.getMostRecentWindow("mail:3pane");
}

function threePane() {
  return mainWindow().document.getElementById("tabmail").currentAbout3Pane;
}

function imapServer() {
  return MailServices.accounts.allServers.find(({ type }) => type === "imap");
}

async function folderFor(use) {
  const flag = Ci.nsMsgFolderFlags[use];
  return await until(() => imapServer().rootFolder.getFolderWithFlags(flag), `the folder for ${use}`);
}

async function showFolder(use) {
  const folder = await folderFor(use);
  await until(() => threePane()?.folderPane?.getRowForFolder(folder.URI), `the row of ${use} in the folder pane`);
  threePane().displayFolder(folder.URI);
  await until(() => threePane().gFolder?.URI === folder.URI && threePane().gDBView, `the list of ${use}`);
  return folder;
}

/** As its list shows it: it keeps a reply's "Re:" apart. */
function subjectOf(header) {
  return `${header.flags & Ci.nsMsgMessageFlags.HasRe ? "Re: " : ""}${header.mime2DecodedSubject}`;
}

function subjectsIn(folder) {
  return [...folder.messages].map(subjectOf);
}

function headerOf(folder, subject) {
  return [...folder.messages].find((header) => subjectOf(header) === subject);
}

/** Resolves once the main window is there. */
async function untilReady() {
  await until(
    () => mainWindow()?.document.readyState === "complete" && threePane()?.folderPane,
    "the main window",
    60_000,
  );
}

/** Puts the password where "remember my password" would put it. */
async function rememberPassword(user, password, ...origins) {
  for (const origin of origins) {
    const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
    login.init(origin, null, origin, user, password, "", "");
    if ((await Services.logins.searchLoginsAsync({ origin })).length === 0) await Services.logins.addLoginAsync(login);
  }
}

/** Gets the INBOX's letters without showing them, which logs in, and waits until the server's folders are there. */
async function logIn() {
  const folder = await folderFor("Inbox");
  const main = mainWindow();
  main.posternFetched = 0;
  MailServices.mfn.addListener({ msgAdded: () => main.posternFetched++ }, MailServices.mfn.msgAdded);
  folder.updateFolder(main.msgWindow);
  await folderFor("SentMail");
}

/** Asks the server what is new in a folder, as "Get Messages" does. */
async function refresh(use) {
  const folder = await folderFor(use);
  folder.updateFolder(mainWindow().msgWindow);
}

/** Opens a folder, and resolves with the subjects it lists once the wanted one is among them. */
async function list(use, subject) {
  const folder = await showFolder(use);
  return await until(
    () => {
      const subjects = subjectsIn(folder);
      return subjects.includes(subject) && subjects;
    },
    `a letter "${subject}" in ${use}`,
    60_000,
  );
}

/** Opens a letter, saves its attachments to a directory, and resolves with what the message pane shows. */
async function read(use, subject, text, directory) {
  await list(use, subject);
  const header = headerOf(threePane().gFolder, subject);
  await until(() => {
    threePane().selectMessage(header);
    return threePane().gDBView.numSelected === 1 && threePane().gDBView.hdrForFirstSelectedMessage === header;
  }, `the row of "${subject}"`);
  const about = () => threePane().messageBrowser.contentWindow;
  const shown = await until(() => {
    const words = about().getMessagePaneBrowser().contentDocument?.body?.innerText ?? "";
    return words.includes(text) && words;
  }, `"${text}" in the message pane`);
  const attachments = [...about().currentAttachments];
  for (const [index, attachment] of attachments.entries())
    await attachment.saveToFile(PathUtils.join(directory, String(index)), true);
  return { from: header.mime2DecodedAuthor, text: shown, attachments: attachments.map(({ name }) => name) };
}

/** How long a large folder may take, in milliseconds. */
const LARGE = 240_000;

/** Waits until a folder has so many letters, opens it, and resolves with what it knows of each. */
async function listAll(use, count) {
  const folder = await folderFor(use);
  await until(
    () => {
      const { numMessages } = folder.msgDatabase.dBFolderInfo;
      if (numMessages !== count) throw new Error(`${numMessages} are there`);
      return true;
    },
    `${count} letters in ${use}`,
    LARGE,
  );
  await showFolder(use);
  return {
    fetched: mainWindow().posternFetched,
    unread: folder.getNumUnread(false),
    letters: [...folder.messages].map((header) => ({
      subject: subjectOf(header),
      read: header.isRead,
      starred: header.isFlagged,
      octets: header.messageSize,
    })),
  };
}

/** The subjects of the letters whose text the server says to hold this: "Search Messages", "Run search on server". */
async function searchOnServer(use, text) {
  const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
  session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, await folderFor(use));
  const term = session.createTerm();
  term.attrib = Ci.nsMsgSearchAttrib.Body;
  term.op = Ci.nsMsgSearchOp.Contains;
  const { value } = term;
  value.attrib = term.attrib;
  value.str = text;
  term.value = value;
  session.appendTerm(term);
  const subjects = [];
  let ended = false;
  session.registerListener({
    QueryInterface: ChromeUtils.generateQI(["nsIMsgSearchNotify"]),
    onSearchHit: (header) => subjects.push(subjectOf(header)),
    onSearchDone: () => (ended = true),
    onNewSearch() {},
  });
  session.search(mainWindow().msgWindow);
  await until(() => ended, "the end of the search", LARGE);
  return subjects;
}

/** Gives the letter that is shown a star. */
async function star() {
  const header = threePane().gDBView.hdrForFirstSelectedMessage;
  threePane().commandController.doCommand("cmd_markAsFlagged");
  await until(() => header.isFlagged, "the star");
}

/** Waits for a star that was given elsewhere. */
async function untilStarred(use, subject) {
  const header = headerOf(await folderFor(use), subject);
  await until(() => header.isFlagged, `the star of "${subject}"`);
}

/** Moves the letter that is shown to a folder by its name, as by its menu. */
async function moveTo(name) {
  const { rootFolder } = imapServer();
  const target = await until(() => rootFolder.descendants.find((folder) => folder.name === name), `the folder ${name}`);
  const [source, { messageKey }] = [threePane().gFolder, threePane().gDBView.hdrForFirstSelectedMessage];
  threePane().commandController.doCommand("cmd_moveMessage", target);
  await until(() => !source.msgDatabase.containsKey(messageKey), "the end of the move");
}

/** The compose window with a letter in it, ready to be written on. */
async function openCompose(to, subject, html) {
  const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
  parameters.composeFields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  Object.assign(parameters.composeFields, { to, subject, body: html });
  parameters.format = Ci.nsIMsgCompFormat.HTML;
  parameters.identity = MailServices.accounts.defaultAccount.defaultIdentity;
  MailServices.compose.OpenComposeWindowWithParams(null, parameters);
  return await until(
    () =>
      windows().find(
        (w) => w.location.href.includes("messengercompose.xhtml") && w.composeEditorReady && w.gMsgCompose?.editor,
      ),
    "the compose window",
    120_000,
  );
}

/** Clicks Send, and resolves when the window has closed. */
async function clickSend(compose) {
  await until(() => {
    compose.updateSendCommands(true);
    return !compose.document.getElementById("cmd_sendNow").hasAttribute("disabled");
  }, "the Send button");
  compose.goDoCommand("cmd_sendNow");
  // It closes when the letter is submitted and the copy is filed.
  await until(() => compose.closed || !windows().includes(compose), "the end of sending", 60_000);
}

/** Writes a letter in the compose window, attaches a file, clicks Send, and resolves when the window has closed. */
async function send(to, subject, html, path) {
  const compose = await openCompose(to, subject, html);
  const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
  file.initWithPath(path);
  await compose.AddAttachments([compose.FileToAttachment(file)]);
  await until(
    () => compose.document.getElementById("attachmentBucket").itemCount === 1,
    "the attachment in its bucket",
  );
  await clickSend(compose);
}

/** What a script may ask for. */
globalThis.verbs = {
  untilReady,
  rememberPassword,
  logIn,
  refresh,
  list,
  listAll,
  read,
  searchOnServer,
  star,
  untilStarred,
  moveTo,
  send,
};
