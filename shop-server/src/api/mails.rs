//! E-mails that could not be delivered.

use chrono::{DateTime, Utc};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use shop_core::outbox::{Content, Delivery};
use uuid::Uuid;

use crate::answer::{Answer, List, RequestUrl};
use crate::api::Context;
use crate::api::paging::{self, Text, text};
use crate::auth::Staff;
use crate::problem::Result;

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
        url: RequestUrl,
        page: Text,
        page_size: Text,
        cursor: Text,
        /// `created_at`, with `-` for descending.
        ordering: Text,
    ) -> Result<Answer<List<FailedMailBody>>> {
        let request = paging::page(&page, &page_size, &cursor, text(&ordering))?;
        let mails = self.0.shop.mails().failed(&staff, &request).await?;
        List::answer(&url, &request, mails.map(FailedMailBody::from))
    }
}

/// An e-mail that could not be delivered.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FailedMail")]
struct FailedMailBody {
    id: Uuid,
    /// The kind of e-mail: `verify_email`, `order_placed`, ….
    kind: String,
    /// The order that the e-mail is about; null if there is none.
    order_id: Option<Uuid>,
    /// The number of delivery attempts.
    attempts: i64,
    /// The error of the last attempt.
    error: String,
    created_at: DateTime<Utc>,
}

impl From<Delivery> for FailedMailBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.0,
            kind: delivery.content.mail().unwrap_or_default().to_owned(),
            order_id: match &delivery.content {
                Content::OrderMail(mail) => Some(mail.order_id.0),
                _ => None,
            },
            attempts: delivery.attempts,
            error: delivery.last_error.unwrap_or_default(),
            created_at: delivery.created_at,
        }
    }
}
