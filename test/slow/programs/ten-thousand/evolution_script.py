"""What Evolution does through its library, Camel, in a mailbox of ten thousand letters; prints what it saw as JSON.

Arguments: host, port, tls or starttls, the authority's file, the user, a folder for what it keeps, first or again; the
password comes by standard input.
"""

import ctypes
import imaplib
import json
import pathlib
import ssl
import sys

import gi

gi.require_version("Camel", "1.2")
from gi.repository import Camel, Gio, GLib  # noqa: E402

HOST, PORT, SECURITY, CA_FILE, USER, HOME, RUN = sys.argv[1:]
PASSWORD = sys.stdin.readline().rstrip("\n")
FOLDER = "Ablage/2019/März"
READ, STARRED_THERE, MOVED = "4709", "5004", "6005"
PATIENCE = 60
seen = {}


class Session(Camel.Session):
    """As Evolution with our authority among its own, and the password in its keyring."""

    def do_trust_prompt(self, service, certificate, errors):
        authority = Gio.TlsCertificate.new_from_file(CA_FILE)
        wrong = certificate.verify(Gio.NetworkAddress.new(HOST, int(PORT)), authority)
        return Camel.CertTrust.TEMPORARY if wrong == 0 else Camel.CertTrust.NEVER

    def do_authenticate_sync(self, service, mechanism, cancellable):
        service.set_password(PASSWORD)
        return service.authenticate_sync(mechanism, cancellable) == Camel.AuthenticationResult.ACCEPTED


class PointerArray(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_char_p)), ("length", ctypes.c_uint)]


library = ctypes.CDLL("libcamel-1.2.so.64")
library.camel_folder_search_by_expression.restype = ctypes.POINTER(PointerArray)
library.camel_folder_search_by_expression.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
library.camel_folder_transfer_messages_to_sync.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int] + [ctypes.c_void_p] * 3


def search(folder, expression):
    """By the library itself: Python would free the strings of the answer, which are the folder's own."""
    found = library.camel_folder_search_by_expression(hash(folder), expression.encode(), None, None).contents
    return sorted((found.data[at].decode() for at in range(found.length)), key=int)


def move(folder, uid, target):
    array = PointerArray((ctypes.c_char_p * 1)(uid.encode()), 1)
    done = library.camel_folder_transfer_messages_to_sync(
        hash(folder), ctypes.addressof(array), hash(target), True, None, None, None
    )
    assert done, "the move"


def names(pointers):
    return [ctypes.string_at(pointer).decode() for pointer in pointers or []]


def flags(folder, uid):
    return folder.get_message_info(uid).get_flags()


# It reads the system's authorities before its first hello, which takes longer than a busy bridge may wait for one.
Gio.TlsBackend.get_default().get_default_database()
Camel.init(HOME, False)
Camel.Provider.init()
session = Session(user_data_dir=f"{HOME}/data", user_cache_dir=f"{HOME}/cache", online=True)
store = session.add_service("bridge", "imapx", Camel.ProviderType.STORE)
settings = store.ref_settings()
security = Camel.NetworkSecurityMethod
for name, value in {
    "host": HOST,
    "port": int(PORT),
    "user": USER,
    "auth-mechanism": "PLAIN",
    "use-qresync": True,
    "filter-junk": False,
    "security-method": security.SSL_ON_ALTERNATE_PORT if SECURITY == "tls" else security.STARTTLS_ON_STANDARD_PORT,
}.items():
    settings.set_property(name, value)
store.set_online_sync(True, None)
store.connect_sync(None)
inbox = store.get_folder_sync("INBOX", 0, None)
seen["before"] = inbox.get_message_count()
added = []
inbox.connect("changed", lambda _folder, changes: added.extend(names(changes.uid_added)))
inbox.refresh_info_sync(None)
seen["messages"] = inbox.get_message_count()


def subjects(uids):
    return [inbox.get_message_info(uid).get_subject() for uid in uids]


def until(holds, what):
    """Lets the library tell what it was told, until this holds."""
    context = GLib.MainContext.default()
    late = []
    timer = GLib.timeout_add_seconds(PATIENCE, lambda: late.append(True) or True)
    while not holds():
        assert not late, what
        context.iteration(True)
    GLib.source_remove(timer)


def first():
    uids = search(inbox, "(match-all #t)")
    infos = [inbox.get_message_info(uid) for uid in uids]
    seen["octets"] = sum(info.get_size() for info in infos)
    seen["seen"] = sum(1 for info in infos if info.get_flags() & Camel.MessageFlags.SEEN)
    seen["flagged"] = sum(1 for info in infos if info.get_flags() & Camel.MessageFlags.FLAGGED)
    seen["subjects"] = subjects(["1", READ, "9950"])
    seen["byText"] = search(inbox, '(match-all (body-contains "w01234"))')

    message = inbox.get_message_sync(READ, None)
    seen["attachment"] = message.get_content().get_part(1).get_filename()
    [kept] = pathlib.Path(HOME, "cache").glob(f"*/folders/INBOX/cur/*/{READ}")
    seen["kept"] = kept.read_bytes().decode("latin-1")
    inbox.get_message_info(READ).set_flags(Camel.MessageFlags.SEEN | Camel.MessageFlags.FLAGGED, 0xFFFF)
    inbox.synchronize_sync(False, None)

    kind = Camel.StoreGetFolderInfoFlags
    store.get_folder_info_sync(None, kind.RECURSIVE | kind.REFRESH, None)
    archive = store.get_folder_sync(FOLDER, 0, None)
    move(inbox, MOVED, archive)
    archive.refresh_info_sync(None)
    inbox.refresh_info_sync(None)
    seen["moved"] = [inbox.get_message_count(), archive.get_message_count()]

    # It is told of these by itself.
    other = imaplib.IMAP4_SSL(HOST, int(PORT), ssl_context=ssl.create_default_context(cafile=CA_FILE))
    other.login(USER, PASSWORD)
    other.select()
    other.append("INBOX", None, None, b"From: x@example.org\r\nSubject: while it looks\r\n\r\nx\r\n")
    until(lambda: "while it looks" in subjects(added), "the new letter")
    other.uid("STORE", STARRED_THERE, "+FLAGS", "(\\Flagged)")
    until(lambda: flags(inbox, STARRED_THERE) & Camel.MessageFlags.FLAGGED, "the star")
    other.logout()


def again():
    until(lambda: added, "the new letter")
    seen["new"] = subjects(added)
    seen["starred"] = bool(flags(inbox, READ) & Camel.MessageFlags.FLAGGED)
    seen["first"] = search(inbox, "(match-all #t)")[0]


{"first": first, "again": again}[RUN]()
inbox.synchronize_sync(False, None)
inbox.get_folder_summary().save()
store.disconnect_sync(True, None)
print(json.dumps(seen))
