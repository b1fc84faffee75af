# What scripts do with Mail::IMAPClient, in a mailbox of ten thousand letters; prints what it saw as JSON.
# Arguments: host, port, tls or starttls, the authority's file, the user; the password comes by standard input.
use strict;
use warnings;
use IO::Socket::SSL;
use JSON::PP;
use Mail::IMAPClient;

my ( $host, $port, $security, $ca_file, $user ) = @ARGV;
chomp( my $password = <STDIN> );
my @tls = ( SSL_ca_file => $ca_file, SSL_verify_mode => SSL_VERIFY_PEER, SSL_verifycn_name => $host );
my %seen;

sub connected {
    my %more = @_;
    my %security = $security eq "tls" ? ( Ssl => \@tls ) : ( Starttls => \@tls );
    return Mail::IMAPClient->new(
        Server => $host, Port => $port, User => $user, Password => $password, Uid => 1, Peek => 1, Timeout => 300,
        %security, %more
    );
}

sub well {
    my ( $imap, $result, $what ) = @_;
    die "$what: " . ( $imap->LastError // "no reason" ) . "\n" unless defined $result;
    return $result;
}

my $refused = connected( Password => "wrong" );
$seen{refused} = defined $refused && $refused->IsAuthenticated ? 0 : 1;
my $imap = connected() or die "no connection: $@\n";
$seen{authenticated} = $imap->IsAuthenticated ? 1 : 0;

# By CRAM-MD5 nobody can log in, since no password is kept; PLAIN is a mechanism that it knows too.
my $plain = connected( Authmechanism => "PLAIN" );
$seen{plain} = $plain && $plain->IsAuthenticated ? 1 : 0;
$plain->logout if $plain;

$seen{capabilities} = [ $imap->capability ];
$seen{idle} = $imap->has_capability("IDLE") ? 1 : 0;
$seen{separator} = $imap->separator;
$seen{folders} = [ sort $imap->folders ];
$seen{subscribed} = scalar( my @subscribed = $imap->subscribed );
$seen{messages} = $imap->message_count("INBOX") + 0;
$seen{unseen} = $imap->unseen_count("INBOX") + 0;
$seen{uidnext} = $imap->uidnext("INBOX") + 0;

well( $imap, $imap->examine("INBOX"), "examine" );
my $hash = well( $imap, scalar( $imap->fetch_hash( "FLAGS", "RFC822.SIZE", "INTERNALDATE" ) ), "fetch_hash" );
$seen{listed} = keys %$hash;
$seen{sizes} = 0;
$seen{sizes} += $_->{"RFC822.SIZE"} for values %$hash;
my $headers = well( $imap, scalar( $imap->parse_headers( scalar( $imap->messages ), "Subject", "Message-ID" ) ), "parse_headers" );
$seen{subjects} = grep { defined $_->{Subject}[0] && $_->{Subject}[0] =~ /s\d{5}$/ } values %$headers;

well( $imap, $imap->select("INBOX"), "select" );
my @found = $imap->search( "SUBJECT", $imap->Quote("s04711") );
$seen{found} = scalar @found;
my $uid = $found[0];
$seen{message} = $imap->message_string($uid);
$seen{body} = length $imap->body_string($uid);
$seen{subject} = $imap->subject($uid);
$seen{structure} = $imap->get_bodystructure($uid)->bodytype;
$seen{envelope} = $imap->get_envelope($uid)->messageid;
$seen{size} = $imap->size($uid) + 0;
$seen{date} = $imap->internaldate($uid);
$seen{byText} = scalar( my @text = $imap->search( "TEXT", "w01234" ) );
$seen{since} = scalar( my @since = $imap->sentsince( $imap->Rfc3501_date(1577836800) ) );
$seen{sorted} = ( $imap->sort( "REVERSE DATE", "UTF-8", "ALL" ) )[0] + 0;
$seen{threads} = scalar @{ $imap->thread( "REFERENCES", "UTF-8", "UID 1:50" ) || [] };
$seen{unseenSearch} = scalar( my @unseen = $imap->unseen );

well( $imap, $imap->set_flag( "Flagged", $uid ), "set_flag" );
well( $imap, $imap->mark($uid), "mark" );
well( $imap, $imap->deny_seeing($uid), "deny_seeing" );
$seen{flags} = [ sort grep { !/Recent/ } $imap->flags($uid) ];
well( $imap, $imap->see( $imap->messages ), "see" );
$seen{unseenAfter} = $imap->unseen_count("INBOX") + 0;

my $folder = "By Perl/a folder";
well( $imap, $imap->create($folder), "create" );
$seen{exists} = $imap->exists($folder) ? 1 : 0;
my $appended = well( $imap, $imap->append_string( $folder, "Subject: drafted\r\n\r\nText\r\n", "\\Draft \\Seen", "01-Feb-2022 10:20:30 +0000" ), "append" );
$seen{appendUid} = $appended + 0;
my @all = $imap->messages;
well( $imap, $imap->copy( $folder, @all[ 0 .. 999 ] ), "copy" );
well( $imap, $imap->move( $folder, @all[ 1000 .. 1099 ] ), "move" );
well( $imap, $imap->expunge, "expunge" );
$seen{inFolder} = $imap->message_count($folder) + 0;
well( $imap, $imap->select($folder), "select folder" );
$seen{draft} = $imap->body_string($appended);
my @drafts = $imap->messages;
well( $imap, $imap->delete_message( @drafts[ 1 .. 500 ] ), "delete_message" );
well( $imap, $imap->uidexpunge( @drafts[ 1 .. 400 ] ), "uidexpunge" );
well( $imap, $imap->close, "close" );
$seen{left} = $imap->message_count($folder) + 0;
well( $imap, $imap->rename( $folder, "By Perl/renamed" ), "rename" );
well( $imap, $imap->delete("By Perl/renamed"), "delete" );

# What comes in IDLE.
well( $imap, $imap->select("INBOX"), "select again" );
my $before = $imap->message_count("INBOX");
my $tag = well( $imap, $imap->idle, "idle" );
my $other = connected() or die "no second connection\n";
well( $other, $other->append_string( "INBOX", "Subject: news\r\n\r\nText\r\n" ), "append news" );
$other->logout;
my $news = $imap->idle_data(30);
$seen{idleNews} = ( grep { /EXISTS/ } @{ $news || [] } ) ? 1 : 0;
well( $imap, $imap->done($tag), "done" );
$seen{more} = $imap->message_count("INBOX") - $before;
well( $imap, $imap->noop, "noop" );
$seen{logout} = $imap->logout ? 1 : 0;
print JSON::PP->new->ascii->encode( \%seen );
