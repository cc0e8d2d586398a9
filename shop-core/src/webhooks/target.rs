//! The URLs that a webhook may have: on the public internet, unless the operator allows others.
//!
//! Without this check, a user who may register webhooks could make the server call systems that only it can reach:
//! itself, its neighbours, the machine's metadata service. The text of a URL is checked at registration. The sender
//! checks the resolved address with [`is_public`] at every delivery, since a name may resolve to another address by
//! then.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::validate;

/// The maximum length of a URL, in bytes.
const MAX_URL_LENGTH: usize = 2_000;

/// The reason why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is not a URL, or has parts that no webhook may have (a user name, a fragment).
    #[error("Enter a valid URL.")]
    Invalid,
    /// The URL is longer than `MAX_URL_LENGTH`.
    #[error("Ensure this field has no more than {MAX_URL_LENGTH} characters.")]
    TooLong,
    /// The URL is not `https`: intermediaries could read and change the messages.
    #[error("The URL must begin with https://.")]
    NotEncrypted,
    /// The URL leads to an address in a non-public network.
    #[error("The URL leads to an address that is not public.")]
    NotPublic,
}

/// Checks the URL of a webhook: `https`, with a host and optionally a port, path and query; no user name and no
/// fragment. The host must not be an address in a non-public network or a name of this machine. `allow_private` allows
/// those hosts, and `http`.
///
/// # Errors
/// [`TargetError`] with the reason.
pub fn webhook_url(text: &str, allow_private: bool) -> Result<String, TargetError> {
    if text.trim().len() > MAX_URL_LENGTH {
        return Err(TargetError::TooLong);
    }
    let url = validate::http_url(text.to_owned()).map_err(|_| TargetError::Invalid)?;
    if url.contains('#') {
        return Err(TargetError::Invalid);
    }
    let (scheme, rest) = url.split_once("://").ok_or(TargetError::Invalid)?;
    if !allow_private && !scheme.eq_ignore_ascii_case("https") {
        return Err(TargetError::NotEncrypted);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    judge_host(host, allow_private)?;
    Ok(url)
}

fn judge_host(host: &str, allow_private: bool) -> Result<(), TargetError> {
    let public = |address: IpAddr| allow_private || is_public(address);
    if let Some(literal) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address: Ipv6Addr = literal.parse().map_err(|_| TargetError::Invalid)?;
        return if public(address.into()) { Ok(()) } else { Err(TargetError::NotPublic) };
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    // Browsers and clients read `0x7f.1`, `2130706433` and `017700000001` as addresses (WHATWG URL, "ends in a
    // number"): only the plain form is accepted, so that all parsers agree.
    let numeric = last.starts_with(|first: char| first.is_ascii_digit())
        && last.chars().all(|letter| letter.is_ascii_hexdigit() || letter.eq_ignore_ascii_case(&'x'));
    if numeric {
        let address: Ipv4Addr = name.parse().map_err(|_| TargetError::Invalid)?;
        return if public(address.into()) { Ok(()) } else { Err(TargetError::NotPublic) };
    }
    let here = last.eq_ignore_ascii_case("localhost");
    if here && !allow_private { Err(TargetError::NotPublic) } else { Ok(()) }
}

/// Whether an address is on the public internet: not on this machine, in a private, shared or link-local network, a
/// multicast group, or a reserved block (IANA's special-purpose registries, RFC 6890 and its updates). An IPv4 address
/// inside an IPv6 address is checked as IPv4.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The non-public blocks: address and prefix length.
const NOT_PUBLIC: [(Ipv4Addr, u32); 14] = [
    // "This network", including the unspecified address.
    (Ipv4Addr::UNSPECIFIED, 8),
    // Private networks.
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Carrier-grade NAT.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback.
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, with the metadata services of cloud providers.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Protocol assignments; 6to4 relays.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Documentation and benchmarking.
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // Multicast and the reserved blocks above it, including broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |(block, length): &(Ipv4Addr, u32)| (address.to_bits() ^ block.to_bits()) >> (32 - length) == 0;
    !NOT_PUBLIC.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // IPv4-mapped (RFC 4291), translated by NAT64 (RFC 6052), and 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            embedded(high, low)
        }
        // Protocol assignments with Teredo and ORCHID; documentation.
        [0x2001, ..0x200 | 0xdb8, ..] | [0x3fff, ..0x1000, ..] => false,
        // The allocated global unicast block (RFC 4291). Everything else is local, multicast or reserved.
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn the_open_internet_is_public() {
        for text in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1"] {
            assert!(public(text), "{text}");
        }
        for text in ["198.17.0.1", "198.20.0.1", "223.255.255.255", "169.253.1.1", "11.0.0.0", "126.255.255.255"] {
            assert!(public(text), "{text}");
        }
        for text in ["2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"] {
            assert!(public(text), "{text}");
        }
    }

    #[test]
    fn what_is_near_or_reserved_is_not() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!public(text), "{text}");
            assert!(!public(&format!("::ffff:{text}")), "mapped {text}");
            assert!(!public(&format!("64:ff9b::{text}")), "translated {text}");
            assert!(!public(&format!("::{text}")), "compatible {text}");
        }
        for text in [
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "64:ff9b:1::1",
            "5f00::1",
            "4000::1",
            "fd00:ec2::254",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    fn judged(url: &str) -> Result<String, TargetError> {
        webhook_url(url, false)
    }

    #[test]
    fn only_encrypted_public_addresses_may_be_registered() {
        for url in [
            "https://hooks.example.com/shop?key=1",
            "https://example.com",
            "HTTPS://Example.com:8443/a",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]:443/x",
            "https://bücher.example/",
            "https://cafe.de/",
            "https://a.1x.com/",
        ] {
            assert_eq!(judged(url).as_deref(), Ok(url));
        }
        assert_eq!(judged("  https://example.com/ "), Ok("https://example.com/".to_owned()));
        for url in ["http://example.com/", "HTTP://example.com/"] {
            assert_eq!(judged(url), Err(TargetError::NotEncrypted), "{url}");
        }
        for url in [
            "https://127.0.0.1/",
            "https://127.0.0.1:8000/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]:1/x",
            "https://169.254.169.254/latest/",
            "https://localhost/",
            "https://LocalHost:8/",
            "https://shop.localhost./",
            "https://10.0.0.1?x=1",
            "https://192.168.0.1./",
        ] {
            assert_eq!(judged(url), Err(TargetError::NotPublic), "{url}");
        }
    }

    #[test]
    fn what_reads_in_two_ways_is_refused() {
        for url in [
            "",
            "example.com",
            "ftp://example.com/",
            "https://",
            "https:///x",
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://example.com#part",
            "https://example.com/#",
            "https://a b/",
            "https://example.com\\@127.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://1.2.3.4.5/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://1.1.1.0x1/",
            "https://example.com/\r\nX: y",
            "https://a..b/",
            "https://example.com:/",
        ] {
            assert_eq!(judged(url), Err(TargetError::Invalid), "{url}");
            assert_eq!(webhook_url(url, true), Err(TargetError::Invalid), "{url}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2_000));
        assert_eq!(judged(&long), Err(TargetError::TooLong));
    }

    #[test]
    fn an_operator_may_allow_what_is_near() {
        for url in ["http://127.0.0.1:9/hook", "http://localhost/", "https://[::1]/", "http://10.0.0.1"] {
            assert_eq!(webhook_url(url, true).as_deref(), Ok(url));
        }
    }

    proptest! {
        #[test]
        fn an_address_within_another_is_judged_as_itself(bits in any::<u32>()) {
            let plain = Ipv4Addr::from_bits(bits);
            let expected = is_public(plain.into());
            prop_assert_eq!(is_public(plain.to_ipv6_mapped().into()), expected);
            let [a, b, c, d] = plain.octets();
            let translated: Ipv6Addr = format!("64:ff9b::{a}.{b}.{c}.{d}").parse().unwrap();
            prop_assert_eq!(is_public(translated.into()), expected);
        }

        #[test]
        fn no_text_makes_it_panic_and_what_passes_passes_again(text in "(https?://)?[a-z0-9.:@\\[\\]/?#%-]{0,40}") {
            for allow_private in [false, true] {
                if let Ok(url) = webhook_url(&text, allow_private) {
                    prop_assert!(!url.contains('#'), "{}", url);
                    prop_assert_eq!(webhook_url(&url, allow_private), Ok(url));
                }
            }
        }
    }
}
