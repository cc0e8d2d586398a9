//! The calls that create and change products.

use super::Catalog;
use crate::actor::Actor;
use crate::batch::{Batch, Decision, expect_version};
use crate::catalog::operations::{
    Mode, ProductFields, StoredVariants, archive, archived, build, derived_slugs, numbered_slug, product_fields,
    write_changed, write_new,
};
use crate::catalog::price_history::{begin_history, needs_history};
use crate::catalog::{ProductInput, ProductView};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::ProductId;
use crate::model::catalog::{PricePeriod, Product, REDUCTION_WINDOW, Variant};

/// How the `stock` given for a new variant of a stored product is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewStock {
    /// It is ignored: stock of a stored product has its own calls.
    Ignored,
    /// It is recorded at the default location, as for a new product.
    Recorded,
}

impl Catalog<'_> {
    /// Creates a product, and records the initial stock of its variants at the default location.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::AlreadyExists`] for a slug or SKU; those of [`Actor::require_staff`].
    pub async fn create_product(&self, actor: &Actor, input: ProductInput) -> Result<ProductView> {
        self.create(actor, input, &|_| false).await
    }

    /// As [`Catalog::create_product`], but a derived slug is never one of the `reserved` ones.
    pub(super) async fn create(
        &self,
        actor: &Actor,
        input: ProductInput,
        reserved: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<ProductView> {
        actor.require_staff()?;
        let currency = self.shop.settings().currency;
        let fields = &product_fields(input, Mode::Create, currency)?;
        self.shop
            .execute(actor, |mut context| async move {
                let mut batch = Batch::new(&mut context);
                self.rely_on_category(&mut batch, fields, None).await?;
                let slug = match &fields.slug {
                    Some(given) => given.clone(),
                    None => self.free_slug(fields, reserved, &mut context).await?,
                };
                let product = build(None, fields, Some(slug), Mode::Create, currency, &mut context)?;
                self.refuse_taken(&product, None, fields.slug.is_some()).await?;
                let place = self.shop.inventory().default_location().await?;
                let reply = write_new(&mut batch, &mut context, product, fields, place);
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Replaces all fields of a product: missing ones take their defaults, except its slug and the SKUs of variants
    /// given by id, which stay. Stock is unchanged.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; [`Error::Invalid`]; [`Error::AlreadyExists`] for a slug or SKU;
    /// [`Error::InvalidTransition`] when the shop's currency changed and only some prices are given; those of
    /// [`Actor::require_staff`].
    pub async fn replace_product(
        &self,
        actor: &Actor,
        id: ProductId,
        input: ProductInput,
        expected: Option<i64>,
    ) -> Result<ProductView> {
        self.change(actor, id, input, expected, (Mode::Replace, NewStock::Ignored)).await
    }

    /// Changes the given fields of a product; a given list of variants replaces the whole list. Stock is unchanged.
    ///
    /// # Errors
    /// As [`Catalog::replace_product`].
    pub async fn update_product(
        &self,
        actor: &Actor,
        id: ProductId,
        input: ProductInput,
        expected: Option<i64>,
    ) -> Result<ProductView> {
        self.change(actor, id, input, expected, (Mode::Merge, NewStock::Ignored)).await
    }

    /// Archives a product; orders, stock movements and its SKUs stay. Repeating it has no effect.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; those of [`Actor::require_staff`].
    pub async fn delete_product(&self, actor: &Actor, id: ProductId, expected: Option<i64>) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                let product = self.expected(id, expected).await?;
                let mut batch = Batch::new(&mut context);
                if let Some(archived) = archived(&product) {
                    let history = self.price_history(&product, &archived, &context).await?;
                    archive(&mut batch, &mut context, &product, archived, &history);
                }
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    pub(super) async fn change(
        &self,
        actor: &Actor,
        id: ProductId,
        input: ProductInput,
        expected: Option<i64>,
        (mode, new_stock): (Mode, NewStock),
    ) -> Result<ProductView> {
        actor.require_staff()?;
        let currency = self.shop.settings().currency;
        // Report a missing or changed product before invalid input.
        self.expected(id, expected).await?;
        let fields = &product_fields(input, mode, currency)?;
        self.shop
            .execute(actor, |mut context| async move {
                let stored = self.expected(id, expected).await?;
                let mut batch = Batch::new(&mut context);
                self.rely_on_category(&mut batch, fields, Some(&stored)).await?;
                let product = build(Some(&stored), fields, None, mode, currency, &mut context)?;
                self.refuse_taken(&product, Some(&stored), stored.slug != product.slug).await?;
                let variants: Vec<_> = stored.variants.iter().map(|variant| variant.id).collect();
                let levels = self.shop.store().stock_of(&variants).await?;
                let place = self.shop.inventory().default_location().await?;
                let given = (new_stock == NewStock::Recorded).then_some(fields);
                let history = self.price_history(&stored, &product, &context).await?;
                let variants = StoredVariants { levels, history };
                let reply = write_changed(&mut batch, &mut context, &stored, product, variants, (place, given));
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// The price periods needed for writing this change: usually none, without a read.
    async fn price_history(
        &self,
        stored: &Product,
        product: &Product,
        context: &DecisionContext,
    ) -> Result<Vec<PricePeriod>> {
        let variants = needs_history(stored, product);
        if variants.is_empty() {
            return Ok(Vec::new());
        }
        let start = context.now() - REDUCTION_WINDOW;
        let mut history = self.shop.store().price_history(&variants, Some(start)).await?;
        begin_history(&mut history, stored, &variants);
        Ok(history)
    }

    async fn expected(&self, id: ProductId, expected: Option<i64>) -> Result<Product> {
        let product = self.shop.store().product(id).await?.ok_or(Error::NotFound)?;
        expect_version(&product, expected)?;
        Ok(product)
    }

    /// Checks that a newly assigned category exists, and requires that it still does at commit.
    async fn rely_on_category(
        &self,
        batch: &mut Batch,
        fields: &ProductFields,
        stored: Option<&Product>,
    ) -> Result<()> {
        let Some(Some(id)) = fields.category_id else { return Ok(()) };
        if stored.is_some_and(|product| product.category_id == Some(id)) {
            return Ok(());
        }
        match self.shop.store().category(id).await? {
            Some(category) => batch.require_unchanged(&category),
            None => return Err(Error::invalid("category_id", "There is no such category.")),
        }
        Ok(())
    }

    /// Derives a free slug from the name, with a number if it is taken.
    async fn free_slug(
        &self,
        fields: &ProductFields,
        reserved: &(dyn Fn(&str) -> bool + Sync),
        context: &mut DecisionContext,
    ) -> Result<String> {
        let name = fields.name.as_deref().unwrap_or_default();
        for slug in derived_slugs(name) {
            if !reserved(&slug) && self.shop.store().product_by_slug(&slug).await?.is_none() {
                return Ok(slug);
            }
        }
        // Many products have this name; a random number is almost certainly free.
        Ok(numbered_slug(name, 10 + context.below(1_000_000_000)))
    }

    /// Refuses a slug or SKU that another product has. If a concurrent commit takes one, the guards of this commit
    /// fail, and the next attempt finds it here; a generated SKU is then drawn again.
    async fn refuse_taken(&self, product: &Product, stored: Option<&Product>, new_slug: bool) -> Result<()> {
        let store = self.shop.store();
        if new_slug {
            let other = store.product_by_slug(&product.slug).await?;
            if other.is_some_and(|other| other.id != product.id) {
                return Err(Error::AlreadyExists { field: "slug" });
            }
        }
        let is_new = |variant: &&Variant| {
            stored.and_then(|stored| stored.variant(variant.id)).is_none_or(|old| old.sku != variant.sku)
        };
        let skus: Vec<String> = product.variants.iter().filter(is_new).map(|variant| variant.sku.clone()).collect();
        if !skus.is_empty() && store.products_by_skus(&skus).await?.iter().any(|other| other.id != product.id) {
            return Err(Error::AlreadyExists { field: "sku" });
        }
        Ok(())
    }
}
