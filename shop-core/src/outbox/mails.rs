//! Undelivered mails, for staff.

use crate::actor::Actor;
use crate::error::Result;
use crate::model::accounts::MailJob;
use crate::model::outbox::{Content, Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, MAIL};
use crate::page::{Page, PageRequest};
use crate::shop::Shop;

/// The calls about mails; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Mails<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// Mails that could not be delivered.
    #[must_use]
    pub fn mails(&self) -> Mails<'_> {
        Mails { shop: self }
    }
}

impl Mails<'_> {
    /// Lists mails that could not be delivered: rejected permanently, or given up after about six hours of retries.
    /// They are kept for 90 days.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`](crate::Error::NotAuthenticated),
    /// [`Error::PermissionDenied`](crate::Error::PermissionDenied).
    pub async fn failed(&self, actor: &Actor, page: &PageRequest<DeliverySort>) -> Result<Page<Delivery>> {
        actor.require_staff()?;
        let filter = DeliveryFilter { receiver: MAIL.to_owned(), status: Some(DeliveryStatus::Dead) };
        Ok(self.shop.store().list_deliveries(&filter, page).await?)
    }
}

impl Content {
    /// The name of the mail's template; `None` for other content.
    #[must_use]
    pub fn mail(&self) -> Option<&'static str> {
        match self {
            Self::Mail(MailJob::VerifyEmail { .. } | MailJob::ResendOtpRequested { .. }) => Some("verify_email"),
            Self::Mail(MailJob::AlreadyRegistered { .. }) => Some("already_registered"),
            Self::Mail(MailJob::PasswordResetRequested { .. }) => Some("password_reset"),
            Self::Mail(MailJob::PasswordChanged { .. }) => Some("password_changed"),
            Self::Mail(MailJob::OrderLookup { .. }) => Some("order_lookup"),
            Self::OrderMail(mail) => Some(mail.news.template()),
            Self::Mail(MailJob::ClaimOrders { .. }) | Self::Event(_) | Self::GatewayCall(_) | Self::GatewayEvent(_) => {
                None
            }
        }
    }
}
