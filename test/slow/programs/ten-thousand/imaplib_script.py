"""What scripts do with Python's imaplib, in a mailbox of ten thousand letters; prints what it saw as JSON.

Arguments: host, port, tls or starttls, the authority's file, the user; the password comes by standard input.
"""

import email
import email.policy
import imaplib
import json
import re
import ssl
import sys
import time

HOST, PORT, SECURITY, CA_FILE, USER = sys.argv[1:]
PASSWORD = sys.stdin.readline().rstrip("\n")
seen = {}


def well(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def connect():
    context = ssl.create_default_context(cafile=CA_FILE)
    if SECURITY == "tls":
        return imaplib.IMAP4_SSL(HOST, int(PORT), ssl_context=context)
    client = imaplib.IMAP4(HOST, int(PORT))
    well(client.starttls(ssl_context=context))
    return client


try:
    connect().login(USER, "wrong")
    raise AssertionError("a wrong password was taken")
except imaplib.IMAP4.error as error:
    seen["refusal"] = str(error)

client = connect()
well(client.login(USER, PASSWORD))
seen["capabilities"] = list(client.capabilities)
seen["namespace"] = well(client.namespace())[0].decode()
seen["folders"] = [line.decode() for line in well(client.list())]
seen["subscribed"] = len(well(client.lsub()))
seen["status"] = well(client.status("INBOX", "(MESSAGES UNSEEN UIDNEXT)"))[0].decode()

# Opened to be read only, everything listed as a script would do it.
seen["exists"] = int(well(client.select("INBOX", readonly=True))[0])
listed = well(client.fetch("1:*", "(UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
items = [item for item in listed if isinstance(item, tuple)]
seen["listed"] = len(items)
seen["flagsSeen"] = sum(b"\\Seen" in item[0] for item in items)
seen["sizes"] = sum(int(re.search(rb"RFC822.SIZE (\d+)", item[0]).group(1)) for item in items)
seen["subjects"] = [
    str(email.message_from_bytes(items[index][1], policy=email.policy.default)["subject"]) for index in (0, 3, 4711)
]

# Every octet of every letter, in parts.
octets = 0
for first in range(1, seen["exists"] + 1, 500):
    for item in well(client.fetch(f"{first}:{first + 499}", "(BODY.PEEK[])")):
        if isinstance(item, tuple):
            octets += len(item[1])
            email.message_from_bytes(item[1]).get_content_type()
seen["octets"] = octets

# Searches; a literal carries what is not ASCII.
well(client.select("INBOX"))
seen["unseen"] = len(well(client.uid("SEARCH", None, "UNSEEN"))[0].split())
seen["bySubject"] = well(client.search(None, "SUBJECT", '"s04711"'))[0].decode()
seen["byText"] = well(client.uid("SEARCH", "TEXT", "w01234"))[0].decode()
client.literal = "Grüße aus Köln".encode()
seen["inUtf8"] = len(well(client.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT"))[0].split())
seen["byDate"] = len(well(client.search(None, "(SENTSINCE 1-Jan-2020 SENTBEFORE 1-Feb-2020)"))[0].split())
seen["sorted"] = well(client.sort("REVERSE DATE", "UTF-8", "ALL"))[0].split()[0].decode()
seen["threads"] = len(re.findall(rb"\((?=\d)", well(client.thread("REFERENCES", "UTF-8", "1:50"))[0]))

# Flags, each in its way.
well(client.store("10", "+FLAGS", "(\\Flagged $Work)"))
well(client.store("10", "-FLAGS.SILENT", "(\\Seen)"))
seen["flags"] = sorted(flag.decode() for flag in imaplib.ParseFlags(well(client.fetch("10", "(FLAGS)"))[0]))
well(client.store("1:*", "+FLAGS.SILENT", "(\\Answered)"))
seen["answered"] = len(well(client.search(None, "ANSWERED"))[0].split())

# Folders and what lies in them.
well(client.create('"By script"'))
well(client.append('"By script"', "(\\Draft \\Seen)", imaplib.Time2Internaldate(time.time()), b"Subject: drafted\r\n\r\nText\r\n"))
well(client.copy("1:1000", '"By script"'))
moved = client.uid("MOVE", "1:10", '"By script"')
well(moved)
seen["copied"] = well(client.status('"By script"', "(MESSAGES)"))[0].decode()
seen["left"] = well(client.status("INBOX", "(MESSAGES)"))[0].decode()
well(client.select('"By script"'))
seen["drafts"] = well(client.fetch("1", "(FLAGS BODY[TEXT])"))[0][1].decode()
well(client.store("2:501", "+FLAGS", "\\Deleted"))
seen["expunged"] = len(well(client.expunge()))
well(client.close())
well(client.rename('"By script"', '"By script, renamed"'))
well(client.unsubscribe('"By script, renamed"'))
well(client.subscribe('"By script, renamed"'))
well(client.delete('"By script, renamed"'))
status, _ = client.select('"By script, renamed"')
seen["afterDelete"] = status

# Without IDLE: news come with NOOP and CHECK.
well(client.select("INBOX"))
other = connect()
well(other.login(USER, PASSWORD))
well(other.append("INBOX", None, None, b"Subject: news\r\n\r\nText\r\n"))
other.logout()
well(client.noop())
seen["newsByNoop"] = int(client.untagged_responses["EXISTS"][-1])
well(client.check())
well(client.unselect())
seen["bye"] = client.logout()[0]
print(json.dumps(seen))
