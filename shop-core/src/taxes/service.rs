//! The calls about tax rates, all for staff.

use super::input::{CheckedTaxRate, TaxRateInput};
use super::operations;
use crate::actor::Actor;
use crate::batch::expect_version;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::id::TaxRateId;
use crate::model::pricing::RulesQuery;
use crate::model::promotions::PromotionSort;
use crate::model::taxes::TaxRate;
use crate::page::{Page, PageRequest};
use crate::region::{self, Breadth, Jurisdiction};

impl Catalog<'_> {
    /// Lists the tax rates.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`].
    pub async fn tax_rates(&self, actor: &Actor, page: &PageRequest<PromotionSort>) -> Result<Page<TaxRate>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_tax_rates(page).await?)
    }

    /// Returns one tax rate.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of [`Actor::require_staff`].
    pub async fn tax_rate(&self, actor: &Actor, id: TaxRateId) -> Result<TaxRate> {
        actor.require_staff()?;
        self.shop.store().tax_rate(id).await?.ok_or(Error::NotFound)
    }

    /// Creates a tax rate.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::AlreadyExists`] when the class already has a rate for the country or region;
    /// those of [`Actor::require_staff`].
    pub async fn create_tax_rate(&self, actor: &Actor, input: TaxRateInput) -> Result<TaxRate> {
        actor.require_staff()?;
        let input = &input.check(None)?;
        self.shop
            .execute(actor, |mut context| async move {
                let taken = self.tax_rate_like(input, None).await?;
                operations::create(input.clone(), taken.as_ref(), &mut context)
            })
            .await
    }

    /// Replaces all fields of a tax rate. `expected` is the version that the caller saw.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; as [`Catalog::create_tax_rate`].
    pub async fn replace_tax_rate(
        &self,
        actor: &Actor,
        id: TaxRateId,
        input: TaxRateInput,
        expected: Option<i64>,
    ) -> Result<TaxRate> {
        self.write_tax_rate(actor, id, expected, |_| input.clone().check(None)).await
    }

    /// Changes the fields of a tax rate that the input mentions. `expected` is the version that the caller saw.
    ///
    /// # Errors
    /// As [`Catalog::replace_tax_rate`].
    pub async fn change_tax_rate(
        &self,
        actor: &Actor,
        id: TaxRateId,
        input: TaxRateInput,
        expected: Option<i64>,
    ) -> Result<TaxRate> {
        self.write_tax_rate(actor, id, expected, |before| input.clone().check(Some(before))).await
    }

    /// Deletes a tax rate. Orders keep the tax they were placed with.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; those of [`Actor::require_staff`].
    pub async fn delete_tax_rate(&self, actor: &Actor, id: TaxRateId, expected: Option<i64>) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                Ok(operations::delete(&self.tax_rate_at(actor, id, expected).await?, &mut context))
            })
            .await
    }

    async fn write_tax_rate(
        &self,
        actor: &Actor,
        id: TaxRateId,
        expected: Option<i64>,
        check: impl Fn(&TaxRate) -> Result<CheckedTaxRate>,
    ) -> Result<TaxRate> {
        actor.require_staff()?;
        let check = &check;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.tax_rate_at(actor, id, expected).await?;
                let input = check(&before)?;
                let taken = self.tax_rate_like(&input, Some(id)).await?;
                operations::update(&before, input, taken.as_ref(), &mut context)
            })
            .await
    }

    async fn tax_rate_at(&self, actor: &Actor, id: TaxRateId, expected: Option<i64>) -> Result<TaxRate> {
        let before = self.tax_rate(actor, id).await?;
        expect_version(&before, expected)?;
        Ok(before)
    }

    /// Finds another rate of the same class and jurisdiction, however its region is spelled.
    async fn tax_rate_like(&self, input: &CheckedTaxRate, changes: Option<TaxRateId>) -> Result<Option<TaxRate>> {
        let jurisdiction = |country: &str, region: Option<&str>| Jurisdiction::of(country, region, Breadth::Wide);
        let wanted = jurisdiction(&input.country, input.region.as_deref());
        let own = wanted.map_or(input.country.as_str(), |jurisdiction| jurisdiction.country);
        let tax_countries = [region::countries_of(own), vec![input.country.clone()]].concat();
        let query = RulesQuery { tax_countries, ..RulesQuery::default() };
        let rates = self.shop.store().price_rules(&query).await?.tax_rates;
        let is_there = |rate: &TaxRate| {
            let same = rate.country == input.country && rate.region_key == input.region_key;
            // A region stored by an earlier release may be unknown. It then has no jurisdiction, rather than that of
            // the whole country.
            let known =
                rate.region.as_deref().is_none_or(|region| region::find(&rate.country, region, Breadth::Wide).is_ok());
            same || known && jurisdiction(&rate.country, rate.region.as_deref()) == wanted
        };
        let of_class = rates.into_iter().filter(|rate| rate.tax_class == input.tax_class && Some(rate.id) != changes);
        Ok(of_class.into_iter().find(is_there))
    }
}
