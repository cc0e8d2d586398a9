#!/usr/bin/env bash
# lettre 0.11.23 (crates.io; email-encoding 0.4.2) writes a sender's name with an ampersand or an apostrophe in base64, and
# SpamAssassin counts that against the mail.
#
# Valid input: a mail from `Tea & Co <shop@example.org>`, one from `O'Neil <shop@example.org>`, and the first with its name as a
# quoted string. Neither character needs an encoding, nor even quotes (RFC 5322, 3.2.3).
# Expected: `From: Tea & Co <shop@example.org>`, as Python's email package writes it, or the same in quotes.
# Seen (2026-11-30), with SpamAssassin 4.0.1 of Debian 12 (`spamassassin -L -t`, offline rules):
#   From: =?utf-8?b?VGVhICYgQ28=?= <shop@example.org>, with FROM_EXCESS_BASE64 ("From: base64 encoded unnecessarily")
#   the quoted string does not have it
# Many shops have such names: every mail of theirs begins with that mark.
# The script fails when any of this changes. It needs cargo, python3 and spamassassin, and is no part of CI.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
email-encoding = "=0.4.2"
lettre = { version = "=0.11.23", default-features = false, features = ["builder"] }
TOML
cat >src/main.rs <<'RUST'
use lettre::message::{Mailbox, Message};

fn main() {
    let name = std::env::args().nth(1).unwrap();
    let from = Mailbox::new(Some(name), "shop@example.org".parse().unwrap());
    let mail = Message::builder()
        .from(from)
        .to("ann@example.net".parse().unwrap())
        .subject("Your order")
        .message_id(Some("<1@example.org>".to_owned()))
        .body("Thank you for your order.".to_owned())
        .unwrap();
    print!("{}", String::from_utf8(mail.formatted()).unwrap());
}
RUST
cargo build --quiet
from() { sed -n 's/\r$//; s/^From: //p' "$1"; }
marks() { spamassassin -L -t <"$1" 2>/dev/null | grep -o FROM_EXCESS_BASE64 | sort -u || true; }

target/debug/finding "Tea & Co" >ampersand.eml
target/debug/finding "O'Neil" >apostrophe.eml
python3 - <<'PYTHON'
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

mail = EmailMessage(policy=SMTP)
mail["From"] = Address("Tea & Co", addr_spec="shop@example.org")
print("Python:", str(mail).splitlines()[0])
encoded = open("ampersand.eml", newline="").read()
open("quoted.eml", "w", newline="").write(encoded.replace("=?utf-8?b?VGVhICYgQ28=?=", '"Tea & Co"'))
PYTHON

for name in ampersand apostrophe quoted; do
    echo "$name: $(from $name.eml) $(marks $name.eml)"
done | tee seen.txt
diff seen.txt - <<'SEEN'
ampersand: =?utf-8?b?VGVhICYgQ28=?= <shop@example.org> FROM_EXCESS_BASE64
apostrophe: =?utf-8?b?TydOZWls?= <shop@example.org> FROM_EXCESS_BASE64
quoted: "Tea & Co" <shop@example.org> 
SEEN
