//! Making and changing products.

use super::Catalog;
use crate::actor::Actor;
use crate::batch::{Batch, expect_version};
use crate::catalog::operations::{Mode, ProductFields, archive, build, product_fields, write_changed, write_new};
use crate::catalog::{Product, ProductInput, ProductView};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::execute::Decision;
use crate::id::ProductId;
use crate::validate::slugify;

impl Catalog<'_> {
    /// Makes a product, the stock of its variants booked at the default location.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::AlreadyExists`] for a slug or sku; those of [`Actor::require_staff`].
    pub async fn create_product(&self, actor: &Actor, input: ProductInput) -> Result<ProductView> {
        actor.require_staff()?;
        let currency = self.shop.settings().currency;
        let fields = &product_fields(input, Mode::Create, currency)?;
        self.shop
            .execute(actor, |mut moment| async move {
                let mut batch = Batch::new(&mut moment);
                self.rely_on_category(&mut batch, fields, None).await?;
                let slug = self.slug(fields, &mut moment).await?;
                let product = build(None, fields, Some(slug), Mode::Create, currency, &mut moment)?;
                self.refuse_taken(&product, None).await?;
                let place = self.shop.inventory().default_location().await?;
                let reply = write_new(&mut batch, &mut moment, product, fields, place);
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Replaces a product: what is absent takes its default, except its slug and the skus of variants that are named
    /// by id. Stock stays.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; [`Error::Invalid`]; [`Error::AlreadyExists`] for a slug or
    /// sku; [`Error::InvalidTransition`] when it is priced in another currency than the shop's; those of
    /// [`Actor::require_staff`].
    pub async fn replace_product(
        &self,
        actor: &Actor,
        id: ProductId,
        input: ProductInput,
        expected: Option<i64>,
    ) -> Result<ProductView> {
        self.change(actor, id, input, expected, Mode::Replace).await
    }

    /// Changes what is given of a product; a given list of variants is the whole list. Stock stays.
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
        self.change(actor, id, input, expected, Mode::Merge).await
    }

    /// Takes a product out of the catalog; orders, movements and its sku stay. Doing it twice is doing it once.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; those of [`Actor::require_staff`].
    pub async fn delete_product(&self, actor: &Actor, id: ProductId, expected: Option<i64>) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut moment| async move {
                let product = self.expected(id, expected).await?;
                let mut batch = Batch::new(&mut moment);
                archive(&mut batch, &mut moment, &product);
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    async fn change(
        &self,
        actor: &Actor,
        id: ProductId,
        input: ProductInput,
        expected: Option<i64>,
        mode: Mode,
    ) -> Result<ProductView> {
        actor.require_staff()?;
        let currency = self.shop.settings().currency;
        // What does not exist, or has changed, is answered before what is wrong with the input.
        self.expected(id, expected).await?;
        let fields = &product_fields(input, mode, currency)?;
        self.shop
            .execute(actor, |mut moment| async move {
                let stored = self.expected(id, expected).await?;
                let mut batch = Batch::new(&mut moment);
                self.rely_on_category(&mut batch, fields, Some(&stored)).await?;
                let product = build(Some(&stored), fields, None, mode, currency, &mut moment)?;
                self.refuse_taken(&product, Some(&stored)).await?;
                let variants: Vec<_> = stored.variants.iter().map(|variant| variant.id).collect();
                let levels = self.shop.store().stock_of(&variants).await?;
                let place = self.shop.inventory().default_location().await?;
                let reply = write_changed(&mut batch, &mut moment, &stored, product, levels, place);
                Ok(Decision { batch, reply })
            })
            .await
    }

    async fn expected(&self, id: ProductId, expected: Option<i64>) -> Result<Product> {
        let product = self.shop.store().product(id).await?.ok_or(Error::NotFound)?;
        expect_version(&product, expected)?;
        Ok(product)
    }

    /// A product may only be put into a category that is there, and still is when it is written.
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

    /// A slug for a product that names none: from its name, numbered when that is taken.
    async fn slug(&self, fields: &ProductFields, moment: &mut Moment) -> Result<String> {
        if let Some(slug) = &fields.slug {
            return Ok(slug.clone());
        }
        let mut base = slugify(fields.name.as_deref().unwrap_or_default(), "product");
        // Room for a number behind it.
        base.truncate(80);
        let base = base.trim_end_matches('-');
        let mut slug = base.to_owned();
        for number in 2..10 {
            if self.shop.store().product_by_slug(&slug).await?.is_none() {
                return Ok(slug);
            }
            slug = format!("{base}-{number}");
        }
        // Many of one name: a drawn number is free at the first or second try.
        Ok(format!("{base}-{}", 10 + moment.below(1_000_000_000)))
    }

    /// Refuses a slug or sku that another product has. (Those that others take at this moment fail the commit's
    /// guards, and the next attempt finds them here; a drawn one is drawn anew then.)
    async fn refuse_taken(&self, product: &Product, stored: Option<&Product>) -> Result<()> {
        let store = self.shop.store();
        if stored.is_none_or(|stored| stored.slug != product.slug) {
            let other = store.product_by_slug(&product.slug).await?;
            if other.is_some_and(|other| other.id != product.id) {
                return Err(Error::AlreadyExists { field: "slug" });
            }
        }
        for variant in &product.variants {
            let kept = stored.and_then(|stored| stored.variant(variant.id)).is_some_and(|old| old.sku == variant.sku);
            if kept {
                continue;
            }
            let other = store.product_by_sku(&variant.sku).await?;
            if other.is_some_and(|other| other.id != product.id) {
                return Err(Error::AlreadyExists { field: "sku" });
            }
        }
        Ok(())
    }
}
