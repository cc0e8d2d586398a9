//! Removal of accounts whose address was not verified.

use std::collections::HashSet;

use super::Accounts;
use crate::accounts::operations::registration as decide;
use crate::actor::Actor;
use crate::batch::Decision;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::UserId;
use crate::model::accounts::User;
use crate::model::orders::{DraftSort, OrderFilter, OrderSort};
use crate::page::{PageRequest, Position};

/// The number of accounts or drafts per read.
const PAGE: u32 = 100;

impl Accounts<'_> {
    /// Removes accounts whose address was not verified within [`Settings::unverified_account_ttl`], and returns their
    /// number. Accounts in use stay: staff accounts, and accounts with an order or a draft.
    ///
    /// [`Settings::unverified_account_ttl`]: crate::shop::Settings::unverified_account_ttl
    pub(crate) async fn remove_unproven(&self) -> Result<u32> {
        let Some(ttl) = self.shop.settings().unverified_account_ttl else { return Ok(0) };
        let before = self.shop.context().now().checked_sub_signed(ttl).unwrap_or(Timestamp::MIN_UTC);
        let (mut removed, mut after) = (0, UserId(uuid::Uuid::nil()));
        let mut drafted = None;
        loop {
            let users = self.shop.store().unproven_users(before, after, PAGE).await?;
            let Some(last) = users.last() else { return Ok(removed) };
            after = last.id;
            for user in &users {
                let drafted = match &mut drafted {
                    Some(drafted) => drafted,
                    none => none.insert(self.drafted().await?),
                };
                if !drafted.contains(&user.id) && self.remove_if_unproven(user, before).await? {
                    removed += 1;
                }
            }
        }
    }

    /// The customers of all drafts. There are few drafts, since only staff create them.
    async fn drafted(&self) -> Result<HashSet<UserId>> {
        let mut customers = HashSet::new();
        let mut request = PageRequest::<DraftSort> { position: Position::Start, size: PAGE, ..PageRequest::default() };
        loop {
            let page = self.shop.store().list_drafts(&request).await?;
            customers.extend(page.items.iter().filter_map(|draft| draft.customer_id));
            let Some(next) = page.next else { return Ok(customers) };
            request.position = Position::Cursor(next);
        }
    }

    async fn remove_if_unproven(&self, user: &User, before: Timestamp) -> Result<bool> {
        let store = self.shop.store();
        let filter = OrderFilter { customer_id: Some(user.id), ..OrderFilter::default() };
        let one = PageRequest::<OrderSort> { position: Position::Start, size: 1, ..PageRequest::default() };
        self.shop
            .execute(&Actor::system(), |mut context| {
                let (filter, one) = (&filter, &one);
                async move {
                    let has_orders = !store.list_orders(filter, one).await?.items.is_empty();
                    let current = store.user(user.id).await?;
                    let otp = store.otp(user.id).await?;
                    let decision = current.and_then(|user| {
                        decide::remove_unproven(&user, otp.as_ref(), has_orders, before, &mut context)
                    });
                    Ok(match decision {
                        Some(decision) => decision.map(|()| true),
                        None => Decision::unchanged(&mut context, false),
                    })
                }
            })
            .await
    }
}
