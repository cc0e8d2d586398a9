//! What a person is told once the server listens: where it is, and what to do next.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first lines for a person.
#[derive(Debug)]
pub(crate) struct Welcome {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Whether `/docs/` is served.
    pub(crate) docs: bool,
    /// How this program was called.
    pub(crate) program: String,
    /// The shop has no products yet.
    pub(crate) is_empty: bool,
    /// Staff accounts are made by hand; `demo` has made one.
    pub(crate) needs_staff: bool,
}

/// The address as a link that a person can open on this machine: one that means every interface leads nowhere by itself.
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
