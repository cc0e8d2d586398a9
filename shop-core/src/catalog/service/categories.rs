//! The calls about the category tree.

use super::{Catalog, id_or_slug};
use crate::actor::Actor;
use crate::batch::{Batch, Decision};
use crate::catalog::CategoryInput;
use crate::catalog::operations::{Mode, category_fields, change_category, create_category, delete_category};
use crate::error::{Error, Result};
use crate::id::CategoryId;
use crate::model::catalog::{Category, CategorySort};
use crate::page::{Page, PageRequest};

impl Catalog<'_> {
    /// Returns one category, by id or slug.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn category(&self, _actor: &Actor, name: &str) -> Result<Category> {
        let store = self.shop.store();
        let category = match id_or_slug(name) {
            Ok(id) => store.category(CategoryId(id)).await?,
            Err(slug) => store.category_by_slug(slug).await?,
        };
        category.ok_or(Error::NotFound)
    }

    /// Lists the categories.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list_categories(&self, _actor: &Actor, page: &PageRequest<CategorySort>) -> Result<Page<Category>> {
        Ok(self.shop.store().list_categories(page).await?)
    }

    /// Creates a category in the tree.
    ///
    /// # Errors
    /// [`Error::Invalid`], also for an unknown parent; [`Error::AlreadyExists`] for a slug;
    /// [`Error::InvalidTransition`] when the tree is full; those of [`Actor::require_staff`].
    pub async fn create_category(&self, actor: &Actor, input: CategoryInput) -> Result<Category> {
        actor.require_staff()?;
        let fields = &category_fields(input, Mode::Create)?;
        self.shop
            .execute(actor, |mut context| async move {
                let tree = self.shop.store().category_tree().await?;
                let mut batch = Batch::new(&mut context);
                let reply = create_category(&mut batch, &mut context, &tree, fields)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Replaces all fields of a category: missing ones take their defaults, except the slug, which stays.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; [`Error::Invalid`], also for a parent that is unknown or a
    /// descendant; [`Error::AlreadyExists`] for a slug; those of [`Actor::require_staff`].
    pub async fn replace_category(
        &self,
        actor: &Actor,
        id: CategoryId,
        input: CategoryInput,
        expected: Option<i64>,
    ) -> Result<Category> {
        self.change_category(actor, id, input, expected, Mode::Replace).await
    }

    /// Changes the given fields of a category.
    ///
    /// # Errors
    /// As [`Catalog::replace_category`].
    pub async fn update_category(
        &self,
        actor: &Actor,
        id: CategoryId,
        input: CategoryInput,
        expected: Option<i64>,
    ) -> Result<Category> {
        self.change_category(actor, id, input, expected, Mode::Merge).await
    }

    /// Deletes a category. Its children move to its parent; its products stay without a category.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`]; those of [`Actor::require_staff`].
    pub async fn delete_category(&self, actor: &Actor, id: CategoryId, expected: Option<i64>) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                let tree = self.shop.store().category_tree().await?;
                let mut batch = Batch::new(&mut context);
                delete_category(&mut batch, &tree, id, expected)?;
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    async fn change_category(
        &self,
        actor: &Actor,
        id: CategoryId,
        input: CategoryInput,
        expected: Option<i64>,
        mode: Mode,
    ) -> Result<Category> {
        actor.require_staff()?;
        // Report a missing category before invalid input.
        self.shop.store().category(id).await?.ok_or(Error::NotFound)?;
        let fields = &category_fields(input, mode)?;
        self.shop
            .execute(actor, |mut context| async move {
                let tree = self.shop.store().category_tree().await?;
                let mut batch = Batch::new(&mut context);
                let reply = change_category(&mut batch, &mut context, &tree, id, fields, expected)?;
                Ok(Decision { batch, reply })
            })
            .await
    }
}
