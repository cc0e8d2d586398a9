//! Decides which addresses may be connected to. It checks the resolved addresses of every connection, so changing DNS
//! records (DNS rebinding) cannot bypass it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shop_core::error::BoxError;
use shop_core::webhooks::is_public;
use tokio::net::lookup_host;

const REFUSED: &str = "the address is not public";

/// Allows public addresses, and private ones only if configured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    allow_private: bool,
}

impl Guard {
    pub(super) fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    /// Checks an address in the URL itself, because the client connects to it without a lookup.
    pub(super) fn judge(self, url: &Url) -> Result<(), BoxError> {
        // The parser has normalized every notation of an address.
        let host = url.host_str().unwrap_or_default();
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) if !self.allows(address) => Err(REFUSED.into()),
            _ => Ok(()),
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }

    /// Keeps the addresses that may be connected to.
    fn filter(self, found: impl Iterator<Item = SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        let (allowed, refused): (Vec<_>, Vec<_>) = found.partition(|address| self.allows(address.ip()));
        if allowed.is_empty() && !refused.is_empty() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, REFUSED));
        }
        Ok(allowed)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            // The client sets the port itself.
            let found = lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(guard.filter(found)?.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(url: &str) -> bool {
        Guard::new(false).judge(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn an_address_in_the_url_is_judged_however_it_is_written() {
        assert!(judged("https://1.1.1.1/") && judged("https://[2606:4700::1111]/") && judged("https://example.com/"));
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://１２７.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://169.254.169.254/",
            "https://[fd00:ec2::254]/",
            "https://0/",
        ] {
            assert!(!judged(url), "{url}");
            assert!(Guard::new(true).judge(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }

    #[test]
    fn of_what_a_name_leads_to_only_public_addresses_are_used() {
        let found =
            |texts: &[&str]| texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect::<Vec<_>>();
        let mixed = found(&["10.0.0.1", "1.1.1.1", "::1", "127.0.0.1"]);
        let guard = Guard::new(false);
        assert_eq!(guard.filter(mixed.clone().into_iter()).unwrap(), found(&["1.1.1.1"]));
        assert!(guard.filter(found(&["10.0.0.1", "fe80::1"]).into_iter()).is_err());
        assert_eq!(Guard::new(true).filter(mixed.clone().into_iter()).unwrap(), mixed);
    }
}
