//! Determines a request's client and the public address that it used, also behind proxies.
//!
//! Every connection from a proxy has the proxy's address. Its `Forwarded` or `X-Forwarded-For`, `-Proto` and `-Host`
//! headers are trusted only if its address is in `TRUSTED_PROXIES`, because anyone can send such headers. The client is
//! the right-most address that is not a trusted proxy; the client may have forged everything left of it.
//!
//! # Limitations
//! Many proxies write one of the two kinds of headers and pass the other through as the client sent it. If both are
//! present and name different clients, it is unknown which one the proxy wrote. In that case, and if the header cannot
//! be parsed, the proxy itself counts as the client: clients that send such headers share a rate limit with each other
//! and with no one else.

pub(crate) mod forwarded;
mod network;

use std::net::IpAddr;
use std::sync::Arc;

use poem::http::{HeaderMap, Uri, header};
use poem::web::RemoteAddr;
use poem::{Addr, FromRequest, Request, RequestBody};

use forwarded::Hop;
pub use network::{Network, NotANetwork};

/// The proxies in front of a server, and its public address.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// The networks in `TRUSTED_PROXIES`.
    pub trusted: Vec<Network>,
    /// `PUBLIC_URL`, without a trailing slash.
    pub public_url: Option<Arc<str>>,
}

/// Where a request came from; stored in the request's data.
#[derive(Debug, Clone, Default)]
pub struct RequestOrigin {
    client: Option<IpAddr>,
    https: bool,
    /// The requested host as a trusted proxy reports it.
    host: Option<String>,
    public_url: Option<Arc<str>>,
}

impl Proxies {
    /// Whether the address belongs to a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Determines where a request came from.
    pub fn origin(&self, request: &Request) -> RequestOrigin {
        let peer = match request.remote_addr() {
            RemoteAddr(Addr::SocketAddr(address)) => Some(address.ip().to_canonical()),
            _ => None,
        };
        self.origin_of(peer, request.headers())
    }

    /// Like [`Proxies::origin`], for a connection from this address.
    fn origin_of(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> RequestOrigin {
        let mut origin = match peer {
            Some(peer) if self.trusts(peer) => self.forwarded(peer, headers),
            client => RequestOrigin::of(client),
        };
        if let Some(url) = &self.public_url {
            origin.https = url.starts_with("https:");
            origin.public_url = Some(Arc::clone(url));
        }
        origin
    }

    fn forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> RequestOrigin {
        let standard = forwarded::standard(headers).map(|hops| self.resolve(peer, hops));
        let common = forwarded::common(headers).map(|hops| self.resolve(peer, hops));
        match (standard, common) {
            // Without `X-Forwarded-For` the two kinds do not contradict each other.
            (Some(one), Some(other)) if !forwarded::names_clients(headers) => RequestOrigin {
                https: one.https || other.https,
                host: one.host.or(other.host),
                ..RequestOrigin::of(one.client)
            },
            (Some(one), Some(other)) if one.client == other.client => RequestOrigin {
                https: one.https && other.https,
                host: one.host.filter(|host| other.host.as_ref() == Some(host)),
                ..RequestOrigin::of(one.client)
            },
            (Some(only), None) | (None, Some(only)) => only,
            _ => RequestOrigin::of(Some(peer)),
        }
    }

    /// Follows the hops from the nearest proxy outwards, as long as the reporting proxy is trusted.
    fn resolve(&self, peer: IpAddr, hops: Vec<Hop>) -> RequestOrigin {
        let mut origin = RequestOrigin::of(Some(peer));
        let mut speaker = peer;
        for hop in hops.into_iter().rev() {
            if !self.trusts(speaker) {
                break;
            }
            origin.https = hop.https.unwrap_or(origin.https);
            origin.host = hop.host.or(origin.host);
            let Some(sender) = hop.sender else { break };
            speaker = sender;
            origin.client = Some(sender);
        }
        origin
    }
}

impl RequestOrigin {
    fn of(client: Option<IpAddr>) -> Self {
        Self { client, ..Self::default() }
    }

    /// The client's address, if it connected over a network.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Whether the client used https, according to a trusted proxy or `PUBLIC_URL`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The base URL under which the client reached this server, without a trailing slash.
    pub fn base(&self, uri: &Uri, headers: &HeaderMap) -> String {
        match &self.public_url {
            Some(url) => url.to_string(),
            None => format!("{}://{}", if self.https { "https" } else { "http" }, self.host(uri, headers)),
        }
    }

    /// The public host: as the proxy reports it, otherwise from the request itself. The authority in the request line
    /// takes precedence over `Host` (RFC 9112, 3.2.2).
    fn host<'a>(&'a self, uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
        let sent = || headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
        let named = || uri.authority().map(poem::http::uri::Authority::as_str);
        self.host.as_deref().or_else(named).or_else(sent).unwrap_or("localhost")
    }

    /// Whether a page of this origin (`scheme://host[:port]`) is the server's own.
    pub fn is_own(&self, origin: &str, uri: &Uri, headers: &HeaderMap) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let Some(url) = &self.public_url else {
            // Unless a proxy reports the scheme, TLS may end in front of the server, so accept both schemes.
            return host.eq_ignore_ascii_case(self.host(uri, headers)) && (!self.https || scheme == "https");
        };
        let own = url.split_once("://").map(|(own, rest)| (own, rest.split('/').next().unwrap_or(rest)));
        own.is_some_and(|(own, authority)| own == scheme && authority.eq_ignore_ascii_case(host))
    }
}

/// The address of a request's client, as a handler argument.
#[derive(Debug, Clone, Copy)]
pub struct Client(Option<IpAddr>);

impl Client {
    /// The client's address, if it connected over a network.
    pub fn address(self) -> Option<IpAddr> {
        self.0
    }
}

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(request.data::<RequestOrigin>().and_then(RequestOrigin::client)))
    }
}

/// The networks that a client's attempts count for, each with its multiple of the usual limit.
///
/// An IPv6 client has a whole /64, and many have a /48 or can get its 65,536 /64s from their provider.
pub(crate) fn counted_networks(address: IpAddr) -> impl Iterator<Item = (Network, u32)> {
    let wide = address.is_ipv6().then(|| (Network::around(address, 48), WIDE_BUDGET));
    [(client_network(address), 1)].into_iter().chain(wide)
}

/// The multiple of a /64's limit that a /48 gets.
pub(crate) const WIDE_BUDGET: u32 = 5;

/// The network that counts as one client: an IPv4 address, or an IPv6 /64.
pub(crate) fn client_network(address: IpAddr) -> Network {
    Network::around(address, if address.is_ipv4() { 32 } else { 64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    const PROXY: &str = "10.0.0.1";

    fn proxies() -> Proxies {
        let trusted = ["10.0.0.0/8", "::1/128"].map(|text| text.parse().unwrap());
        Proxies { trusted: trusted.to_vec(), public_url: None }
    }

    fn headers(sent: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:8000"));
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn origin(proxies: &Proxies, peer: &str, sent: &[(&'static str, &'static str)]) -> RequestOrigin {
        let peer: IpAddr = peer.parse().unwrap();
        proxies.origin_of(Some(peer.to_canonical()), &headers(sent))
    }

    fn client(peer: &str, sent: &[(&'static str, &'static str)]) -> String {
        origin(&proxies(), peer, sent).client().unwrap().to_string()
    }

    fn base(peer: &str, sent: &[(&'static str, &'static str)]) -> String {
        origin(&proxies(), peer, sent).base(&"/orders/?page=2".parse().unwrap(), &headers(sent))
    }

    #[test]
    fn nobody_else_is_believed() {
        let forged = [
            ("forwarded", "for=192.0.2.1;proto=https;host=evil.example"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ];
        assert_eq!(client("203.0.113.5", &forged), "203.0.113.5");
        assert_eq!(base("203.0.113.5", &forged), "http://127.0.0.1:8000");
        let nobody = origin(&Proxies::default(), PROXY, &forged);
        assert_eq!((nobody.client(), nobody.is_https()), (Some(PROXY.parse().unwrap()), false));
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
        for (line, wanted) in [
            ("192.0.2.1", "192.0.2.1"),
            ("198.51.100.7, 192.0.2.1", "192.0.2.1"),
            ("198.51.100.7, 192.0.2.1, 10.2.3.4", "192.0.2.1"),
            ("10.9.9.9, 192.0.2.1", "192.0.2.1"),
            ("10.9.9.9", "10.9.9.9"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("192.0.2.1, unknown", PROXY),
            ("192.0.2.1, ?, 10.2.3.4", "10.2.3.4"),
            ("", PROXY),
        ] {
            assert_eq!(client(PROXY, &[("x-forwarded-for", line)]), wanted, "{line}");
        }
        assert_eq!(client("::1", &[("forwarded", "for=192.0.2.7, for=192.0.2.8;by=\"[::1]\"")]), "192.0.2.8");
        assert_eq!(client("::ffff:10.0.0.1", &[("x-forwarded-for", "192.0.2.1")]), "192.0.2.1");
        assert_eq!(client(PROXY, &[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")]), "192.0.2.2");
    }

    #[test]
    fn a_header_that_the_proxy_passed_through_is_not_believed_over_its_own() {
        let own = ("x-forwarded-for", "192.0.2.1");
        assert_eq!(client(PROXY, &[own, ("forwarded", "for=198.51.100.7")]), PROXY);
        assert_eq!(client(PROXY, &[own, ("forwarded", "for=\"")]), PROXY);
        assert_eq!(client(PROXY, &[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "198.51.100.7")]), PROXY);
        assert_eq!(client(PROXY, &[own, ("forwarded", "for=192.0.2.1")]), "192.0.2.1");
        let forged = [own, ("x-forwarded-host", "shop.example"), ("forwarded", "for=198.51.100.7;host=evil.example")];
        assert_eq!(base(PROXY, &forged), "http://127.0.0.1:8000");
        let as_oneself = [own, ("forwarded", "for=192.0.2.1;proto=https;host=evil.example")];
        assert_eq!(
            (client(PROXY, &as_oneself), base(PROXY, &as_oneself)),
            ("192.0.2.1".into(), "http://127.0.0.1:8000".into())
        );
        // A proxy that writes the client into one header and the scheme into the other.
        let mixed = [("forwarded", "for=192.0.2.1"), ("x-forwarded-proto", "https")];
        assert_eq!((client(PROXY, &mixed), base(PROXY, &mixed)), ("192.0.2.1".into(), "https://127.0.0.1:8000".into()));
    }

    #[test]
    fn links_carry_what_the_outermost_trusted_proxy_was_asked_for() {
        assert_eq!(
            base(PROXY, &[("forwarded", "for=192.0.2.1;proto=https;host=shop.example")]),
            "https://shop.example"
        );
        let common =
            [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")];
        assert_eq!(base(PROXY, &common), "https://shop.example");
        let chain =
            "for=9.9.9.9;host=evil.example, for=192.0.2.1;proto=https;host=shop.example, for=10.1.1.1;host=inner";
        assert_eq!(base(PROXY, &[("forwarded", chain)]), "https://shop.example");
        assert_eq!(
            base(PROXY, &[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-host", "a/b")]),
            "http://127.0.0.1:8000"
        );
        let appended = [("x-forwarded-for", "9.9.9.9, 192.0.2.1"), ("x-forwarded-host", "evil.example, shop.example")];
        assert_eq!(base(PROXY, &appended), "http://shop.example");
        assert_eq!(base(PROXY, &[("x-forwarded-proto", "HTTPS")]), "https://127.0.0.1:8000");
    }

    #[test]
    fn the_public_url_counts_before_all() {
        let proxies = Proxies { public_url: Some("https://api.shop.example/v1".into()), ..proxies() };
        let origin = origin(&proxies, "203.0.113.5", &[]);
        let uri = Uri::from_static("/orders/");
        assert_eq!(origin.base(&uri, &headers(&[])), "https://api.shop.example/v1");
        assert!(origin.is_https());
        let own = |page| origin.is_own(page, &uri, &headers(&[]));
        assert!(own("https://api.shop.example") && own("https://API.shop.example"));
        for other in
            ["http://api.shop.example", "http://127.0.0.1:8000", "https://api.shop.example.evil.example", "null", ""]
        {
            assert!(!own(other), "{other}");
        }
    }

    #[test]
    fn tries_are_counted_by_address_and_by_networks_of_ipv6() {
        let counted = |address: &str| {
            counted_networks(address.parse().unwrap())
                .map(|(network, times)| (network.to_string(), times))
                .collect::<Vec<_>>()
        };
        assert_eq!(counted("192.0.2.1"), [("192.0.2.1/32".to_owned(), 1)]);
        let wanted = [("2001:db8:1:2::/64".to_owned(), 1), ("2001:db8:1::/48".to_owned(), WIDE_BUDGET)];
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), wanted);
    }
}
