//! Guest orders become those of the account that proved their address, and guests who lost a token get it by mail.

use super::super::input::LookupInput;
use super::super::operations;
use super::Orders;
use crate::accounts::MailJob;
use crate::actor::Actor;
use crate::batch::{Batch, Change};
use crate::clock::Moment;
use crate::error::Result;
use crate::execute::Decision;
use crate::id::UserId;
use crate::outbox::Delivery;
use crate::validate;

/// How many orders become an account's in one batch; a job claims the others.
const CLAIMED_AT_ONCE: u32 = 100;

impl Orders<'_> {
    /// Mails a link with the token of a guest's order to the order's address, if `number` and `email` belong together. Of a
    /// customer's order the link has no token: its customer signs in. The answer is the same for any pair, and so is what is
    /// written: which order it is, is looked up when the mail is written.
    ///
    /// The token is the one that the guest got when the order was placed: it is derived from the order's id
    /// ([`Keys::order_token`](crate::secret::Keys::order_token)), so that nothing is stored, and none becomes invalid.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) naming `number` or `email`.
    pub async fn lookup(&self, input: LookupInput) -> Result<()> {
        let (number, email_key) = &input.check()?;
        self.shop
            .execute(&Actor::anonymous(), |mut moment| async move {
                let mut batch = Batch::new(&mut moment);
                let job = MailJob::OrderLookup { number: number.clone(), email_key: email_key.clone() };
                // Nobody's: mails about one subject are sent in their order.
                let (id, subject) = (moment.id(), moment.id::<UserId>().0);
                let delivery = Delivery::mail(id, subject, job, moment.now());
                batch.write(Change::Insert(delivery));
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Adds to a batch that guest orders of an address become those of the account that has proven it. When there are more
    /// of them than one batch takes, it leaves a job for the others.
    pub(crate) async fn claim(
        &self,
        user_id: UserId,
        email: &str,
        moment: &mut Moment,
        batch: &mut Batch,
    ) -> Result<()> {
        let email_key = validate::email_key(email);
        let orders = self.shop.store().guest_orders(&email_key, CLAIMED_AT_ONCE).await?;
        let is_full = orders.len() >= CLAIMED_AT_ONCE as usize;
        let claimed = operations::claim(orders, (user_id, email), moment, batch);
        // Without any that was claimed it would find the same ones again.
        if is_full && claimed > 0 {
            let job = MailJob::ClaimOrders { user_id, email_key };
            let delivery = Delivery::mail(moment.id(), user_id.0, job, moment.now());
            batch.write(Change::Insert(delivery));
        }
        Ok(())
    }
}
