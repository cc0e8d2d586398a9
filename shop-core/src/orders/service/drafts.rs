//! Draft orders, and notes by staff about orders.

use super::Orders;
use super::checkout::Buyer;
use crate::actor::Actor;
use crate::cart::CartContents;
use crate::error::{Error, Result};
use crate::id::{DraftId, OrderId, VariantId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::model::catalog::VariantName;
use crate::model::orders::{Draft, DraftSort, HistoryEntry};
use crate::orders::input::{CheckedDraft, Recipient};
use crate::orders::operations::{
    add_note, cart_of, change_draft, create_draft, delete_draft, expected_draft, place_draft, priced,
};
use crate::orders::{DraftInput, DraftView, NoteInput, PlaceOrder, PlacedOrder};
use crate::page::{Page, PageRequest};
use crate::validate::{Email, email_key};

impl Orders<'_> {
    /// Lists drafts with prices, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn drafts(&self, actor: &Actor, page: &PageRequest<DraftSort>) -> Result<Page<DraftView>> {
        actor.require_staff()?;
        let page = self.shop.store().list_drafts(page).await?;
        let variants: Vec<_> = page.items.iter().flat_map(|draft| &draft.items).map(|item| item.variant_id).collect();
        let contents = CartContents::load(self.shop.store(), &unique(variants)).await?;
        Ok(page.map(|draft| DraftView::new(draft, &contents)))
    }

    /// Returns one draft with prices, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`].
    pub async fn draft(&self, actor: &Actor, id: DraftId) -> Result<DraftView> {
        actor.require_staff()?;
        let draft = self.shop.store().draft(id).await?.ok_or(Error::NotFound)?;
        let contents = self.contents_of(&draft).await?;
        Ok(DraftView::new(draft, &contents))
    }

    /// Creates a draft order for a customer or guest, for staff. A line may override its price, with a reason.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`] with every invalid field.
    pub async fn create_draft(&self, actor: &Actor, input: DraftInput) -> Result<DraftView> {
        actor.require_staff()?;
        let currency = self.shop.settings().currency;
        let input = &input.check(true, currency)?;
        self.shop
            .execute(actor, |mut context| async move {
                let contents = self.named(input).await?;
                let decision = create_draft(input.clone(), currency, &contents, &mut context)?;
                Ok(decision.map(|draft| DraftView::new(draft, &contents)))
            })
            .await
    }

    /// Changes a draft, for staff. Absent fields keep their value; lines are replaced as a whole. `expected` is the
    /// version that the caller read.
    ///
    /// # Errors
    /// As [`Orders::create_draft`]; [`Error::NotFound`], [`Error::VersionMismatch`].
    pub async fn change_draft(
        &self,
        actor: &Actor,
        id: DraftId,
        input: DraftInput,
        expected: Option<i64>,
    ) -> Result<DraftView> {
        actor.require_staff()?;
        let store = self.shop.store();
        let currency = expected_draft(store.draft(id).await?, expected)?.currency;
        let input = &input.check(false, currency)?;
        self.shop
            .execute(actor, |mut context| async move {
                let before = expected_draft(store.draft(id).await?, expected)?;
                let contents = if input.items.is_some() {
                    self.named(input).await?
                } else {
                    self.is_known(input).await?;
                    self.contents_of(&before).await?
                };
                let decision = change_draft(&before, input.clone(), &contents, &mut context)?;
                Ok(decision.map(|draft| DraftView::new(draft, &contents)))
            })
            .await
    }

    /// Deletes a draft, for staff. `expected` is the version that the caller read.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`], [`Error::VersionMismatch`].
    pub async fn delete_draft(&self, actor: &Actor, id: DraftId, expected: Option<i64>) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                let draft = expected_draft(self.shop.store().draft(id).await?, expected)?;
                Ok(delete_draft(&draft, &mut context))
            })
            .await
    }

    /// Places a draft as an order, for staff, as [`Orders::place`] does with a cart. The order belongs to the customer,
    /// or to the holder of the returned token. Deletes the draft.
    ///
    /// # Errors
    /// As [`Orders::place`]; [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn place_draft(
        &self,
        actor: &Actor,
        id: DraftId,
        input: PlaceOrder,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<PlacedOrder>> {
        actor.require_staff()?;
        let gateways: Vec<_> = self.shop.gateways().iter().map(|gateway| gateway.id()).collect();
        // The e-mail address comes from the draft; that of the input is ignored.
        let checked_order = &input.check(false, &gateways, self.shop.settings().currency);
        let Replayable { value: view, replayed } = self
            .shop
            .execute_once(actor, &format!("orders.place_draft:{id}"), key, |mut context| async move {
                let draft = self.shop.store().draft(id).await?.ok_or(Error::NotFound)?;
                let mut checked_order = checked_order.clone();
                if checked_order.note.is_empty() {
                    checked_order.note.clone_from(&draft.note);
                }
                let email = |address: String| Email { key: email_key(&address), address };
                let buyer =
                    Buyer { user: draft.customer_id, email: draft.email.clone().map(email), role: actor.role() };
                let (cart, contents) = (cart_of(&draft, &mut context), self.contents_of(&draft).await?);
                let for_them = priced(&draft, contents.clone());
                let placement = self.placement(buyer, &checked_order, cart, Some(for_them), &context).await?;
                place_draft(&draft, &contents, placement, &mut context)
            })
            .await?;
        Ok(Replayable { value: self.placed(view), replayed })
    }

    /// Adds a note to an order, for staff. The buyer sees it in the history only if the note is marked visible.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`] (the order), [`Error::Invalid`].
    pub async fn add_note(&self, actor: &Actor, id: OrderId, input: NoteInput) -> Result<HistoryEntry> {
        actor.require_staff()?;
        let input = &input.check()?;
        self.shop
            .execute(actor, |mut context| async move {
                // Orders are never deleted.
                let order = self.shop.store().order(id).await?.ok_or(Error::NotFound)?;
                Ok(add_note(order.id, input.clone(), actor.role(), &mut context))
            })
            .await
    }

    /// Loads the products of the draft's lines and checks that its customer exists.
    async fn named(&self, input: &CheckedDraft) -> Result<CartContents> {
        self.is_known(input).await?;
        let store = self.shop.store();
        let mut variants = Vec::new();
        for item in input.items.iter().flatten() {
            match &item.variant {
                VariantName::Id(id) => variants.push(*id),
                name @ VariantName::Sku(sku) => {
                    let product = store.product_by_sku(sku).await?;
                    let variant = product.and_then(|product| product.variants.into_iter().find(|one| name.is_of(one)));
                    variants.extend(variant.map(|variant| variant.id));
                }
            }
        }
        CartContents::load(store, &unique(variants)).await
    }

    async fn is_known(&self, input: &CheckedDraft) -> Result<()> {
        if let Some(Recipient::Customer(id)) = input.recipient
            && self.shop.store().user(id).await?.is_none()
        {
            return Err(Error::invalid("customer_id", "There is no such customer."));
        }
        Ok(())
    }

    async fn contents_of(&self, draft: &Draft) -> Result<CartContents> {
        let variants: Vec<_> = draft.items.iter().map(|item| item.variant_id).collect();
        CartContents::load(self.shop.store(), &variants).await
    }
}

fn unique(mut variants: Vec<VariantId>) -> Vec<VariantId> {
    variants.sort_unstable();
    variants.dedup();
    variants
}
