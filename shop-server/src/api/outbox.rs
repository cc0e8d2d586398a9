//! E-mails that could not be delivered.

use chrono::{DateTime, Utc};
use poem_openapi::OpenApi;
use shop_core::outbox::{Content, Delivery};
use uuid::Uuid;

use crate::api::Context;
use crate::api::macros::bodies;
use crate::auth::Staff;
use crate::problem::Result;
use crate::response::{JsonResponse, List, Paging};

/// E-mails that could not be delivered.
pub(in crate::api) struct Mails(pub(in crate::api) Context);

#[OpenApi]
impl Mails {
    /// Lists the e-mails given up in the last 90 days, newest first.
    ///
    /// The mail server rejected them permanently, or was unreachable for hours.
    #[oai(path = "/mails/failed/", method = "get")]
    async fn failed(
        &self,
        staff: Staff,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<FailedMailBody>>> {
        let request = paging.request()?;
        let mails = self.0.shop.mails().failed(&staff, &request).await?;
        paging.answer(&request, mails, FailedMailBody::from)
    }
}

bodies! {
    /// An e-mail that could not be delivered.
    FailedMailBody as "FailedMail" from(delivery: Delivery) {
        id: Uuid,
        /// The kind of e-mail: `verify_email`, `order_placed`, ….
        kind: String = delivery.content.mail().unwrap_or_default().to_owned(),
        /// The order that the e-mail is about; null if there is none.
        order_id: Option<Uuid> = match &delivery.content {
            Content::OrderMail(mail) => Some(mail.order_id.0),
            _ => None,
        },
        /// The number of delivery attempts.
        attempts: i64,
        /// The error of the last attempt.
        error: String = delivery.last_error.unwrap_or_default(),
        created_at: DateTime<Utc>,
    }
}
