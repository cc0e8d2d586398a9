//! IP networks, for trusted proxies and for the limits on clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR notation (RFC 4632, RFC 4291): `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    /// The prefix length in bits.
    prefix: u8,
}

/// The error for a text that is not a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a network such as 10.0.0.0/8 or ::1/128, without bits set after its prefix")]
pub struct NotANetwork;

impl Network {
    /// The network with this prefix length that contains an address. A prefix longer than the address covers the whole
    /// address.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        match address {
            IpAddr::V4(address) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(u32::from(32 - prefix)).unwrap_or(0);
                Self { first: Ipv4Addr::from(u32::from(address) & mask).into(), prefix }
            }
            IpAddr::V6(address) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(u32::from(128 - prefix)).unwrap_or(0);
                Self { first: Ipv6Addr::from(u128::from(address) & mask).into(), prefix }
            }
        }
    }

    /// Whether an address, in its canonical form, is in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && Self::around(address, self.prefix) == *self
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            // Digits only: `parse` would also accept a sign.
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse::<u8>().ok().filter(|prefix| *prefix <= longest).ok_or(NotANetwork)?
            }
            Some(_) => return Err(NotANetwork),
        };
        let network = Self::around(address, prefix);
        // 10.1.2.3/8 is more likely a mistake than intent to trust sixteen million addresses.
        if network.first != address {
            return Err(NotANetwork);
        }
        Ok(network.canonical())
    }
}

impl Network {
    /// Converts IPv4-mapped networks to IPv4: on a dual-stack socket, IPv4 clients appear as `::ffff:a.b.c.d`.
    fn canonical(self) -> Self {
        match self.first {
            IpAddr::V6(address) if self.prefix >= 96 => match address.to_ipv4_mapped() {
                Some(address) => Self { first: address.into(), prefix: self.prefix - 96 },
                None => self,
            },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1/128", "::1", "::2"),
            ("::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network(text).contains(outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "::1/129",
            "::1/64",
            "localhost",
            "10.0.0/8",
            "*",
        ] {
            assert_eq!(wrong.parse::<Network>(), Err(NotANetwork), "{wrong}");
        }
    }
}
