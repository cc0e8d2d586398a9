//! The text that order search matches.

use crate::model::orders::Order;
use crate::model::shipping::Address;
use crate::text::fold;

impl Order {
    /// The folded text that [`OrderFilter::search`](crate::orders::OrderFilter::search) matches: number, e-mail
    /// address, names and SKUs. It never changes after placement, so a store may keep it with the order.
    #[must_use]
    pub fn search_text(&self) -> String {
        let skus = self.items.iter().map(|item| item.sku.as_str());
        search_text(&self.number, &self.email_key, [&self.shipping_address, &self.billing_address], skus)
    }
}

/// As [`Order::search_text`], for stores that add it to existing orders.
pub fn search_text<'a>(
    number: &'a str,
    email_key: &'a str,
    [shipping, billing]: [&'a Address; 2],
    skus: impl IntoIterator<Item = &'a str>,
) -> String {
    let names = |address: &'a Address| {
        [address.first_name.as_str(), &address.last_name, address.company.as_deref().unwrap_or_default()]
    };
    let mut text = format!("{number} {email_key}");
    let mut add = |piece: &str| {
        text.push(' ');
        text.push_str(piece);
    };
    names(shipping).into_iter().for_each(&mut add);
    if names(billing) != names(shipping) {
        names(billing).into_iter().for_each(&mut add);
    }
    skus.into_iter().for_each(&mut add);
    fold(&text)
}

#[cfg(test)]
mod tests {
    use crate::orders::tests::order;

    #[test]
    fn an_order_is_found_by_number_address_names_and_skus() {
        let mut order = order(&[(1000, 1), (500, 2)], 0);
        order.number = "7KQ2M-X9D4T".into();
        order.email_key = "ada@example.com".into();
        order.shipping_address.first_name = "Zoë".into();
        order.shipping_address.last_name = "Łódzka".into();
        order.shipping_address.company = Some("Tea & Co".into());
        order.billing_address = order.shipping_address.clone();
        order.items[0].sku = "TEA-1".into();
        order.items[1].sku = "MUG".into();
        assert_eq!(order.search_text(), "7kq2m-x9d4t ada@example.com zoe lodzka tea & co tea-1 mug");
        order.billing_address.company = None;
        order.billing_address.first_name = "Ida".into();
        assert!(order.search_text().contains(" ida lodzka "), "{}", order.search_text());
    }
}
