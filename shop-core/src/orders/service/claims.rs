//! Lets accounts claim guest orders of their proven e-mail address, and mails order links to guests who lost their
//! token.

use super::super::input::LookupInput;
use super::super::operations;
use super::Orders;
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::id::UserId;
use crate::model::accounts::MailJob;
use crate::model::outbox::Delivery;
use crate::validate;

/// The most orders claimed in one batch; a job claims the rest.
const CLAIMED_AT_ONCE: u32 = 100;

impl Orders<'_> {
    /// Mails a link with a guest order's token to the order's e-mail address, if `number` and `email` match. For a
    /// customer's order, the link has no token: the customer signs in. The response and the writes are the same for any
    /// input, since the order is only looked up when the mail is composed.
    ///
    /// The token is the one that the guest got at placement. It is derived from the order's id
    /// ([`Keys::order_token`](crate::secret::Keys::order_token)), so that nothing is stored and no token becomes
    /// invalid.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for `number` or `email`.
    pub async fn lookup(&self, input: LookupInput) -> Result<()> {
        let (number, email_key) = &input.check()?;
        self.shop
            .execute(&Actor::anonymous(), |mut context| async move {
                let mut batch = Batch::new(&mut context);
                let job = MailJob::OrderLookup { number: number.clone(), email_key: email_key.clone() };
                // A random subject, since mails about one subject are sent in sequence.
                let (id, subject) = (context.id(), context.id::<UserId>().0);
                let delivery = Delivery::mail(id, subject, job, context.now());
                batch.write(Change::Insert(delivery));
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Lets an account claim the guest orders of an e-mail address that it has proven. If there are more than fit into
    /// one batch, adds a job for the rest.
    pub(crate) async fn claim(
        &self,
        user_id: UserId,
        email: &str,
        context: &mut DecisionContext,
        batch: &mut Batch,
    ) -> Result<()> {
        let email_key = validate::email_key(email);
        let orders = self.shop.store().guest_orders(&email_key, CLAIMED_AT_ONCE).await?;
        let is_full = orders.len() >= CLAIMED_AT_ONCE as usize;
        let claimed = operations::claim(orders, (user_id, email), context, batch);
        // If none was claimed, the job would find the same orders again.
        if is_full && claimed > 0 {
            let job = MailJob::ClaimOrders { user_id, email_key };
            let delivery = Delivery::mail(context.id(), user_id.0, job, context.now());
            batch.write(Change::Insert(delivery));
        }
        Ok(())
    }
}
