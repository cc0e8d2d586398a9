//! Reads `TRUSTED_PROXIES` and `PUBLIC_URL`.

use poem::http::Uri;

use super::variables::Variables;
use super::{ConfigError, Result};
use crate::client::forwarded::is_host;
use crate::client::{Network, Proxies};

pub(super) fn proxies(variables: &Variables<'_>) -> Result<Proxies> {
    let list = variables.text("TRUSTED_PROXIES").unwrap_or_default();
    let members = list.split(',').map(str::trim).filter(|member| !member.is_empty());
    let trusted: Result<Vec<Network>> = members
        .map(|member| member.parse().map_err(|why| ConfigError::new("TRUSTED_PROXIES", format!("{member:?} {why}"))))
        .collect();
    let public_url = variables.text("PUBLIC_URL").map(public_url).transpose()?;
    Ok(Proxies { trusted: trusted?, public_url: public_url.map(Into::into) })
}

/// Normalizes `https://host[:port][/path]` to the form in which browsers write an origin.
fn public_url(text: &str) -> Result<String> {
    let wrong = || ConfigError::new("PUBLIC_URL", "must be an address such as https://api.shop.example");
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    let usual_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(wrong()),
    };
    let host = authority.as_str().to_ascii_lowercase();
    let host = host.strip_suffix(usual_port).unwrap_or(&host);
    if !is_host(host) || text.contains(['?', '#']) {
        return Err(wrong());
    }
    Ok(format!("{scheme}://{host}{}", uri.path().trim_end_matches('/')))
}
