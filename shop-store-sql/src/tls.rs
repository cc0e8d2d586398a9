//! Explains what is wrong with a server's certificate. The TLS library only reports its own error names.

use std::error::Error as _;

use sqlx_core::error::Error;

/// The TLS library's error names and their meaning. The first match counts.
const REASONS: [(&str, &str); 13] = [
    (
        "CaUsedAsEndEntity",
        "the server's certificate is marked as that of an authority (CA:TRUE), as `openssl req -x509` makes it: a server \
         needs a certificate with basicConstraints=CA:FALSE, signed by an authority of your own",
    ),
    (
        "UnsupportedCertVersion",
        "the server's certificate is of X.509 version 1, as `openssl x509 -req` makes it without extensions: sign it with \
         -extfile, and name basicConstraints=CA:FALSE and subjectAltName there",
    ),
    (
        "UnknownIssuer",
        "the server's certificate is not signed by an authority that is known here: name the file of the authority's \
         certificate in sslrootcert (or PGSSLROOTCERT)",
    ),
    (
        "NotValidForName",
        "the server's certificate is for another name: the host of the address must be in its subjectAltName (a name in \
         the subject alone, CN, does not count)",
    ),
    ("NotValidYet", "the server's certificate is not valid yet: compare the clocks"),
    ("Expired", "the server's certificate has expired"),
    ("Revoked", "the server's certificate was revoked"),
    (
        "InvalidPurpose",
        "the server's certificate is not for servers: its extendedKeyUsage must name serverAuth, or be left out",
    ),
    (
        "RequiredEkuNotFound",
        "the server's certificate is not for servers: its extendedKeyUsage must name serverAuth, or be left out",
    ),
    (
        "EndEntityUsedAsCa",
        "a certificate that signed the server's is not that of an authority: it needs basicConstraints=critical,CA:TRUE",
    ),
    (
        "UnsupportedSignatureAlgorithm",
        "the server's certificate is signed with an algorithm that is not accepted: use SHA-256 and an RSA key of 2048 \
         bits or more, or an EC key (prime256v1)",
    ),
    (
        "BadSignature",
        "the server's certificate is not signed by the authority in sslrootcert, but by one of the same name",
    ),
    ("invalid peer certificate", "the server's certificate cannot be used"),
];

/// The messages with which the library reports some of these errors.
const SPELLED_OUT: [(&str, &str); 5] = [
    ("certificate not valid for name", "NotValidForName"),
    ("certificate not valid yet", "NotValidYet"),
    ("certificate expired", "Expired"),
    ("does not allow extended key usage", "InvalidPurpose"),
    ("certificate revoked", "Revoked"),
];

/// Refers to the page with commands that create acceptable certificates.
const SEE: &str = "docs/postgres-tls.md has commands that make certificates which are accepted";

/// An explanation, if a connection failed because of the server's certificate.
pub(crate) fn reason(error: &Error) -> Option<String> {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause} {cause:?}");
        next = cause.source();
    }
    reason_of(&text)
}

fn reason_of(text: &str) -> Option<String> {
    let name = SPELLED_OUT.iter().find(|(words, _)| text.contains(words)).map(|(_, name)| *name);
    let reason = REASONS.iter().find(|(known, _)| name == Some(*known) || text.contains(known));
    reason.map(|(_, reason)| format!("{reason}; {SEE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_in_words() {
        for (said, word) in [
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "basicConstraints=CA:FALSE"),
            ("invalid peer certificate: Other(OtherError(UnsupportedCertVersion))", "version 1"),
            ("invalid peer certificate: UnknownIssuer", "sslrootcert"),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for b",
                "subjectAltName",
            ),
            ("invalid peer certificate: certificate expired: verification time 1", "expired"),
            ("invalid peer certificate: something new", "cannot be used"),
        ] {
            let reason = reason_of(said).unwrap();
            assert!(reason.contains(word), "{said}: {reason}");
        }
        assert_eq!(reason_of("connection refused"), None);
    }
}
