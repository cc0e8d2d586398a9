//! Orders that staff put together for somebody, and what they note about orders.

use super::Orders;
use super::checkout::Buyer;
use crate::actor::Actor;
use crate::cart::Goods;
use crate::catalog::VariantName;
use crate::error::{Error, Result};
use crate::id::{DraftId, OrderId, VariantId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::orders::input::{CheckedDraft, Recipient};
use crate::orders::operations::{
    add_note, cart_of, change_draft, create_draft, delete_draft, expected_draft, place_draft, priced,
};
use crate::orders::{Draft, DraftInput, DraftSort, DraftView, HistoryEntry, NoteInput, PlaceOrder, PlacedOrder};
use crate::page::{Page, PageRequest};
use crate::validate::{Email, email_key};

impl Orders<'_> {
    /// The drafts of a list, priced, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn drafts(&self, actor: &Actor, page: &PageRequest<DraftSort>) -> Result<Page<DraftView>> {
        actor.require_staff()?;
        let page = self.shop.store().list_drafts(page).await?;
        let variants: Vec<_> = page.items.iter().flat_map(|draft| &draft.items).map(|item| item.variant_id).collect();
        let goods = Goods::load(self.shop.store(), &unique(variants)).await?;
        Ok(page.map(|draft| DraftView::new(draft, &goods)))
    }

    /// One draft, priced, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`].
    pub async fn draft(&self, actor: &Actor, id: DraftId) -> Result<DraftView> {
        actor.require_staff()?;
        let draft = self.shop.store().draft(id).await?.ok_or(Error::NotFound)?;
        let goods = self.goods_of(&draft).await?;
        Ok(DraftView::new(draft, &goods))
    }

    /// Puts an order together for somebody, for staff. A line may have a price of its own, with a reason.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`] naming every wrong field.
    pub async fn create_draft(&self, actor: &Actor, input: DraftInput) -> Result<DraftView> {
        actor.require_staff()?;
        let currency = self.shop.settings().currency;
        let input = &input.check(true, currency)?;
        self.shop
            .execute(actor, |mut moment| async move {
                let goods = self.named(input).await?;
                let decision = create_draft(input.clone(), currency, &goods, &mut moment)?;
                Ok(decision.map(|draft| DraftView::new(draft, &goods)))
            })
            .await
    }

    /// Changes a draft, for staff: what is not mentioned stays, the lines are given whole. `expected` is the version the
    /// caller saw.
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
            .execute(actor, |mut moment| async move {
                let before = expected_draft(store.draft(id).await?, expected)?;
                let goods = if input.items.is_some() {
                    self.named(input).await?
                } else {
                    self.is_known(input).await?;
                    self.goods_of(&before).await?
                };
                let decision = change_draft(&before, input.clone(), &goods, &mut moment)?;
                Ok(decision.map(|draft| DraftView::new(draft, &goods)))
            })
            .await
    }

    /// Throws a draft away, for staff. `expected` is the version the caller saw.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`], [`Error::VersionMismatch`].
    pub async fn delete_draft(&self, actor: &Actor, id: DraftId, expected: Option<i64>) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut moment| async move {
                let draft = expected_draft(self.shop.store().draft(id).await?, expected)?;
                Ok(delete_draft(&draft, &mut moment))
            })
            .await
    }

    /// Turns a draft into an order, for staff, as [`Orders::place`] turns a cart into one: the order is the customer's
    /// own, or that of the holder of the token in the answer. The draft is gone then.
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
        // The draft knows the address: that of the input is not looked at.
        let wishes = &input.check(false, &gateways, self.shop.settings().currency);
        let Replayable { value: view, replayed } = self
            .shop
            .execute_once(actor, &format!("orders.place_draft:{id}"), key, |mut moment| async move {
                let draft = self.shop.store().draft(id).await?.ok_or(Error::NotFound)?;
                let mut wishes = wishes.clone();
                if wishes.note.is_empty() {
                    wishes.note.clone_from(&draft.note);
                }
                let email = |address: String| Email { key: email_key(&address), address };
                let buyer =
                    Buyer { user: draft.customer_id, email: draft.email.clone().map(email), role: actor.role() };
                let (cart, goods) = (cart_of(&draft, &mut moment), self.goods_of(&draft).await?);
                let for_them = priced(&draft, goods.clone());
                let placement = self.placement(buyer, &wishes, cart, Some(for_them), &moment).await?;
                place_draft(&draft, &goods, placement, &mut moment)
            })
            .await?;
        Ok(Replayable { value: self.placed(view), replayed })
    }

    /// Notes something about an order, for staff; the buyer sees it in the history only where the note says so.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`] (the order), [`Error::Invalid`].
    pub async fn add_note(&self, actor: &Actor, id: OrderId, input: NoteInput) -> Result<HistoryEntry> {
        actor.require_staff()?;
        let input = &input.check()?;
        self.shop
            .execute(actor, |mut moment| async move {
                // Orders are never deleted.
                let order = self.shop.store().order(id).await?.ok_or(Error::NotFound)?;
                Ok(add_note(order.id, input.clone(), actor.role(), &mut moment))
            })
            .await
    }

    /// What the lines of a wish are about, and that there is such a customer.
    async fn named(&self, input: &CheckedDraft) -> Result<Goods> {
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
        Goods::load(store, &unique(variants)).await
    }

    async fn is_known(&self, input: &CheckedDraft) -> Result<()> {
        if let Some(Recipient::Customer(id)) = input.recipient
            && self.shop.store().user(id).await?.is_none()
        {
            return Err(Error::invalid("customer_id", "There is no such customer."));
        }
        Ok(())
    }

    async fn goods_of(&self, draft: &Draft) -> Result<Goods> {
        let variants: Vec<_> = draft.items.iter().map(|item| item.variant_id).collect();
        Goods::load(self.shop.store(), &variants).await
    }
}

fn unique(mut variants: Vec<VariantId>) -> Vec<VariantId> {
    variants.sort_unstable();
    variants.dedup();
    variants
}
