//! The text on the terminal once the server listens: its URL, and what to do next.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The content of the welcome text.
#[derive(Debug)]
pub(crate) struct Welcome {
    /// The address on which the server listens.
    pub(crate) address: SocketAddr,
    /// Whether the server serves `/docs/`.
    pub(crate) docs: bool,
    /// The name under which this program was started.
    pub(crate) program: String,
    /// Whether the shop has no products yet.
    pub(crate) is_empty: bool,
    /// Whether to mention `createsuperuser`: `demo` has already created a staff account.
    pub(crate) needs_staff: bool,
}

/// Formats the address as a link that works on this machine; an unspecified address (all interfaces) becomes localhost.
pub(crate) fn link(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let local = match address.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        address.set_ip(local);
    }
    format!("http://{address}/")
}

impl fmt::Display for Welcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (link, program) = (link(self.address), &self.program);
        writeln!(out, "\nThe shop is running at {link}\n")?;
        if self.docs {
            writeln!(out, "  API documentation   {link}docs/")?;
        }
        if self.is_empty {
            writeln!(out, "  Sample products     stop the server, then run `{program} demo`")?;
        }
        if self.needs_staff {
            writeln!(out, "  Staff account       run `{program} createsuperuser` in another terminal")?;
        }
        writeln!(out, "  Stop the server     Ctrl+C\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(address: &str) -> Welcome {
        let address = address.parse().unwrap();
        Welcome { address, docs: true, program: "shop-server".into(), is_empty: true, needs_staff: true }
    }

    #[test]
    fn it_leads_to_what_comes_next() {
        let text = welcome("127.0.0.1:8000").to_string();
        for part in [
            "http://127.0.0.1:8000/\n",
            "http://127.0.0.1:8000/docs/\n",
            "`shop-server demo`",
            "`shop-server createsuperuser`",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let few = Welcome { docs: false, is_empty: false, needs_staff: false, ..welcome("127.0.0.1:8000") }.to_string();
        assert!(!few.contains("docs") && !few.contains("demo") && !few.contains("createsuperuser"), "{few}");
    }

    #[test]
    fn the_link_can_be_opened_on_this_machine() {
        for (bound, expected) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
            ("0.0.0.0:80", "http://127.0.0.1:80/"),
            ("[::]:8000", "http://[::1]:8000/"),
            ("192.0.2.7:8000", "http://192.0.2.7:8000/"),
        ] {
            assert_eq!(link(bound.parse().unwrap()), expected);
        }
    }
}
