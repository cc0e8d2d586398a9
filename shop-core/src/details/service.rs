//! The calls about the shop's own details.

use std::collections::BTreeSet;

use super::input::ShopDetailsInput;
use super::operations::{change_details, shop_name};
use crate::actor::Actor;
use crate::batch::expect_version;
use crate::error::Result;
use crate::model::details::{ShopDetails, ShopDetailsView};
use crate::shop::Shop;

/// The calls about the shop's own details; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Details<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// The shop's own details: name, legal data and addresses.
    #[must_use]
    pub fn details(&self) -> Details<'_> {
        Details { shop: self }
    }
}

impl Details<'_> {
    /// Returns the shop's own details; public.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn get(&self) -> Result<ShopDetailsView> {
        let details = self.shop.store().shop_details().await?;
        self.view(details.unwrap_or_default()).await
    }

    /// Changes the fields that the input mentions. For staff only.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`](crate::Error::NotAuthenticated),
    /// [`Error::PermissionDenied`](crate::Error::PermissionDenied); [`Error::Invalid`](crate::Error::Invalid) naming
    /// every wrong field; [`Error::VersionMismatch`](crate::Error::VersionMismatch).
    pub async fn change(
        &self,
        actor: &Actor,
        input: ShopDetailsInput,
        expected: Option<i64>,
    ) -> Result<ShopDetailsView> {
        actor.require_staff()?;
        let input = &input;
        let details = self
            .shop
            .execute(actor, |mut context| async move {
                let before = self.shop.store().shop_details().await?;
                match &before {
                    Some(before) => expect_version(before, expected)?,
                    None => expect_version(&ShopDetails::default(), expected)?,
                }
                change_details(before, input.clone(), &mut context)
            })
            .await?;
        self.view(details).await
    }

    /// The details for mails: without the countries, which cost an extra read that no mail needs.
    pub(crate) async fn for_mails(&self) -> Result<ShopDetailsView> {
        let details = self.shop.store().shop_details().await?;
        Ok(self.named(details.unwrap_or_default()))
    }

    async fn view(&self, details: ShopDetails) -> Result<ShopDetailsView> {
        let (zones, _) = self.shop.store().shipping_rates().await?;
        let countries: BTreeSet<String> = zones.into_iter().flat_map(|zone| zone.countries).collect();
        Ok(ShopDetailsView { countries: countries.into_iter().collect(), ..self.named(details) })
    }

    fn named(self, details: ShopDetails) -> ShopDetailsView {
        let settings = self.shop.settings();
        ShopDetailsView {
            name: shop_name(details.name.as_deref(), self.shop.templates().shop(), &settings.frontend_url),
            currency: settings.currency,
            countries: Vec::new(),
            details,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Error;
    use crate::shipping::ZoneInput;
    use crate::testing::{block_on, world};

    fn input(json: serde_json::Value) -> ShopDetailsInput {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn everybody_reads_and_staff_write() {
        let shop = world().shop;
        block_on(async {
            let (system, details) = (Actor::system(), shop.details());
            let first = details.get().await.unwrap();
            assert_eq!((first.name.as_str(), first.details.version, first.countries.len()), ("Shop", 0, 0));
            let refused = details.change(&Actor::anonymous(), input(json!({"name": "Mine"})), None).await;
            assert!(matches!(refused, Err(Error::NotAuthenticated)));
            let changed = details.change(&system, input(json!({"name": "Tea & Co"})), Some(0)).await.unwrap();
            assert_eq!((changed.name.as_str(), changed.details.version), ("Tea & Co", 1));
            let stale = details.change(&system, input(json!({"name": "Other"})), Some(0)).await;
            assert!(matches!(stale, Err(Error::VersionMismatch)));
            for (name, countries) in [("Near", vec!["FR", "DE"]), ("Far", vec!["*", "DE"])] {
                let countries: Vec<String> = countries.into_iter().map(str::to_owned).collect();
                let zone = ZoneInput { name: name.into(), countries: countries.into() };
                shop.shipping().create_zone(&system, zone).await.unwrap();
            }
            let now = details.get().await.unwrap();
            assert_eq!(now.countries, ["*", "DE", "FR"]);
            assert_eq!(now.details, changed.details);
        });
    }
}
