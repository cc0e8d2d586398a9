//! The calls about promotions. All are for staff, because a list of promotions reveals the coupon codes.

use super::input::{CheckedPromotion, PromotionInput};
use super::operations;
use crate::actor::Actor;
use crate::batch::expect_version;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::field::{Checks, Field};
use crate::id::PromotionId;
use crate::model::pricing::RulesQuery;
use crate::model::promotions::{CountedPromotion, Promotion, PromotionFilter, PromotionSort, code_key};
use crate::page::{Page, PageRequest};

impl Catalog<'_> {
    /// Lists promotions; with `code`, only the one with that code, in any spelling.
    ///
    /// # Errors
    /// [`Error::Invalid`]; those of [`Actor::require_staff`].
    pub async fn promotions(
        &self,
        actor: &Actor,
        code: Field<String>,
        active: Field<bool>,
        page: &PageRequest<PromotionSort>,
    ) -> Result<Page<CountedPromotion>> {
        actor.require_staff()?;
        let mut checks = Checks::new();
        let code_key = checks.optional("code", code, |code| Ok(code_key(&code))).filter(|code| !code.is_empty());
        let active = checks.optional("active", active, Ok);
        checks.finish()?;
        Ok(self.shop.store().list_promotions(&PromotionFilter { code_key, active }, page).await?)
    }

    /// Returns one promotion with its use count.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of [`Actor::require_staff`].
    pub async fn promotion(&self, actor: &Actor, id: PromotionId) -> Result<CountedPromotion> {
        actor.require_staff()?;
        self.shop.store().promotion(id).await?.ok_or(Error::NotFound)
    }

    /// Creates a promotion in the shop's currency.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::AlreadyExists`] for a code; those of [`Actor::require_staff`].
    pub async fn create_promotion(&self, actor: &Actor, input: PromotionInput) -> Result<CountedPromotion> {
        actor.require_staff()?;
        let input = &input.check(None, self.shop.settings().currency)?;
        self.shop
            .execute(actor, |mut context| async move {
                let taken = self.promotion_with(input.code.as_deref()).await?;
                let decision = operations::create(input.clone(), taken.as_ref(), &mut context)?;
                Ok(decision.map(|promotion| CountedPromotion { promotion, uses: 0 }))
            })
            .await
    }

    /// Replaces all fields of a promotion; its use count stays. `expected` is the version that the caller saw.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; as [`Catalog::create_promotion`].
    pub async fn replace_promotion(
        &self,
        actor: &Actor,
        id: PromotionId,
        input: PromotionInput,
        expected: Option<i64>,
    ) -> Result<CountedPromotion> {
        let currency = self.shop.settings().currency;
        self.write_promotion(actor, id, expected, |_| input.clone().check(None, currency)).await
    }

    /// Changes the fields of a promotion that the input mentions. `expected` is the version that the caller saw.
    ///
    /// # Errors
    /// As [`Catalog::replace_promotion`].
    pub async fn change_promotion(
        &self,
        actor: &Actor,
        id: PromotionId,
        input: PromotionInput,
        expected: Option<i64>,
    ) -> Result<CountedPromotion> {
        self.write_promotion(actor, id, expected, |before| input.clone().check(Some(before), before.currency)).await
    }

    /// Deletes a promotion. Orders placed with it keep their discount.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; those of [`Actor::require_staff`].
    pub async fn delete_promotion(&self, actor: &Actor, id: PromotionId, expected: Option<i64>) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.promotion_at(actor, id, expected).await?;
                Ok(operations::delete(&before.promotion, &mut context))
            })
            .await
    }

    async fn write_promotion(
        &self,
        actor: &Actor,
        id: PromotionId,
        expected: Option<i64>,
        check: impl Fn(&Promotion) -> Result<CheckedPromotion>,
    ) -> Result<CountedPromotion> {
        actor.require_staff()?;
        let check = &check;
        self.shop
            .execute(actor, |mut context| async move {
                let CountedPromotion { promotion: before, uses } = self.promotion_at(actor, id, expected).await?;
                let input = check(&before)?;
                let taken = self.promotion_with(input.code.as_deref()).await?;
                let decision = operations::update(&before, input, taken.as_ref(), &mut context)?;
                Ok(decision.map(|promotion| CountedPromotion { promotion, uses }))
            })
            .await
    }

    async fn promotion_at(&self, actor: &Actor, id: PromotionId, expected: Option<i64>) -> Result<CountedPromotion> {
        let before = self.promotion(actor, id).await?;
        expect_version(&before.promotion, expected)?;
        Ok(before)
    }

    async fn promotion_with(&self, code: Option<&str>) -> Result<Option<Promotion>> {
        let Some(code) = code else { return Ok(None) };
        let code_key = code_key(code);
        let query = RulesQuery { code_keys: vec![code_key.clone()], ..RulesQuery::default() };
        let rules = self.shop.store().price_rules(&query).await?;
        let mut promotions = rules.promotions.into_iter().map(|offered| offered.promotion);
        Ok(promotions.find(|promotion| promotion.code_key.as_ref() == Some(&code_key)))
    }
}
