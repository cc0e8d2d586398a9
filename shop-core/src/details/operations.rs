//! The decisions about the shop's own details.

use std::net::IpAddr;

use super::input::ShopDetailsInput;
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::model::details::ShopDetails;

/// The name when no other source provides one.
const DEFAULT_NAME: &str = "Shop";

/// Changes the details that the input mentions. The first change creates the row; an input that changes nothing writes
/// nothing.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) naming every wrong field.
pub(super) fn change_details(
    before: Option<ShopDetails>,
    input: ShopDetailsInput,
    context: &mut DecisionContext,
) -> Result<Decision<ShopDetails>> {
    let is_new = before.is_none();
    let before = before.unwrap_or_default();
    let changed = input.check(&before)?;
    if changed == before {
        return Ok(Decision::unchanged(context, before));
    }
    let after = ShopDetails { updated_at: context.now(), version: before.version + 1, ..changed };
    let mut batch = Batch::new(context);
    let change = if is_new { Change::Insert(after.clone()) } else { Change::Update(after.clone()) };
    batch.write(change);
    Ok(Decision { batch, reply: after })
}

/// The shop's name: `given` by staff, else that of the mail templates, else the host of the front end's URL, unless
/// that is an IP address or a local host.
pub(super) fn shop_name(given: Option<&str>, of_templates: Option<&str>, frontend_url: &str) -> String {
    let name = given.or(of_templates).or_else(|| host_name(frontend_url));
    name.unwrap_or(DEFAULT_NAME).to_owned()
}

fn host_name(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return None;
    }
    let host = host.split(':').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    let is_public = host.contains('.') && host.parse::<IpAddr>().is_err() && !host.ends_with(".localhost");
    is_public.then_some(host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::batch::RowWrite;
    use crate::batch::Write;
    use crate::orders::tests::context;

    fn change(before: Option<ShopDetails>, input: serde_json::Value) -> Decision<ShopDetails> {
        change_details(before, serde_json::from_value(input).unwrap(), &mut context()).unwrap()
    }

    #[test]
    fn the_first_change_makes_the_row() {
        let made = change(None, json!({"name": "Tea & Co"}));
        assert_eq!((made.reply.name.as_deref(), made.reply.version), (Some("Tea & Co"), 1));
        let [Write::Row(RowWrite::ShopDetails(Change::Insert(row)))] = made.batch.writes.as_slice() else {
            panic!("{:?}", made.batch.writes)
        };
        assert_eq!(row, &made.reply);
        let changed = change(Some(made.reply), json!({"name": null, "phone": "+1 555 0100"}));
        assert_eq!((changed.reply.name.as_deref(), changed.reply.version), (None, 2));
        assert!(matches!(changed.batch.writes.as_slice(), [Write::Row(RowWrite::ShopDetails(Change::Update(_)))]));
        let same = change(Some(changed.reply), json!({"phone": "+1 555 0100"}));
        assert!(same.batch.is_empty() && same.reply.version == 2);
    }

    #[test]
    fn a_shop_has_a_name() {
        for (url, host) in [
            ("https://tea.example", "tea.example"),
            ("https://www.tea.example:8443/shop", "tea.example"),
            ("http://localhost:3000", DEFAULT_NAME),
            ("http://shop.localhost:3000", DEFAULT_NAME),
            ("http://127.0.0.1:3000", DEFAULT_NAME),
            ("http://[::1]:3000", DEFAULT_NAME),
            ("http://intranet/", DEFAULT_NAME),
            ("", DEFAULT_NAME),
        ] {
            assert_eq!(shop_name(None, None, url), host, "{url}");
        }
        assert_eq!(shop_name(None, Some("Templates"), "https://tea.example"), "Templates");
        assert_eq!(shop_name(Some("Given"), Some("Templates"), "https://tea.example"), "Given");
    }
}
