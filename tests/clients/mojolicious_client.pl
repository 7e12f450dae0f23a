#!/usr/bin/env perl
# Mojolicious as a client. What it reads and writes is as in talk.cjs; it knows no fragments.

use Mojo::Base -strict, -signatures;
use JSON::PP qw(decode_json encode_json);
use Mojo::IOLoop;
use Mojo::IOLoop::Stream;
use Mojo::UserAgent;
use Mojo::WebSocket qw(WS_PING WS_PONG);
no warnings 'utf8';    # as Perl has it, U+10FFFF is no character

my $asked = decode_json(shift);
my $largest = 8 * 1024 * 1024;

STDOUT->autoflush(1);
sub tell_test ($event) { say encode_json $event }

# Do what a line says.
sub obey ($tx, $line) {
  my $command = decode_json($line);
  my $what    = $command->{do};
  utf8::encode(my $text = $command->{text} // '');
  $tx->send({text   => $text})                                     if $what eq 'text';
  $tx->send({binary => pack 'H*', $command->{binary}})             if $what eq 'binary';
  $tx->send([1, 0, 0, 0, WS_PING, pack 'H*', $command->{data}])    if $what eq 'ping';
  $tx->finish($command->{code}, $command->{reason})                if $what eq 'close';
}

# Tell what is heard, and obey lines until standard input ends.
sub opened ($tx) {
  $tx->max_websocket_size($largest);
  my $headers = $tx->res->headers;
  tell_test {open => {subprotocol => $tx->protocol // '', extensions => $headers->sec_websocket_extensions // ''}};
  $tx->on(text   => sub ($tx, $bytes) { utf8::decode($bytes); tell_test {text => $bytes} });
  $tx->on(binary => sub ($tx, $bytes) { tell_test {binary => unpack 'H*', $bytes} });
  $tx->on(frame => sub ($tx, $frame) { tell_test {pong => unpack 'H*', $frame->[5]} if $frame->[4] == WS_PONG });
  $tx->on(finish => sub ($tx, $code, $reason = undef) { tell_test {closed => [$code + 0, $reason // '']} });
  my $lines = Mojo::IOLoop::Stream->new(\*STDIN)->timeout(0);
  my $rest  = '';
  $lines->on(read => sub ($lines, $bytes) { $rest .= $bytes; obey($tx, $1) while $rest =~ s/^(.*)\n// });
  $lines->on(close => sub { Mojo::IOLoop->stop });
  $lines->start;
  state $kept = $lines;
}

my $ua = Mojo::UserAgent->new(inactivity_timeout => 0, ca => $asked->{caFile} || undef);
my %headers = $asked->{compress} ? ('Sec-WebSocket-Extensions' => 'permessage-deflate') : ();
$ua->websocket(
  $asked->{url} => \%headers => $asked->{subprotocols} => sub ($ua, $tx) {
    die "no connection\n" unless $tx->is_websocket;
    opened($tx);
  }
);
Mojo::IOLoop->start;
