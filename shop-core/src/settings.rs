//! The operator's settings.

use chrono::TimeDelta;

use crate::gateway::PaymentGateway;
use crate::money::Currency;
use crate::pricing::TaxRounding;

/// The operator's settings of a shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The currency of all prices. Default: USD.
    pub currency: Currency,
    /// The base of links in mails, without a slash at the end. Default: `http://localhost:3000`.
    pub frontend_url: String,
    /// The lifetime of an access token. Default: 5 minutes.
    pub access_token_lifetime: TimeDelta,
    /// The lifetime of a refresh token. Default: one day.
    pub refresh_token_lifetime: TimeDelta,
    /// The maximum lifetime of a session, however often its tokens are refreshed. Default: 30 days.
    pub session_lifetime: TimeDelta,
    /// The issuer of tokens (`iss`); tokens of other issuers are refused. Shops that share a secret key need different
    /// issuers. A change ends every session. Default: `None`, for [`Settings::frontend_url`].
    pub token_issuer: Option<String>,
    /// The maximum number of mails that anyone can request (codes, password reset links, notices) to one account per
    /// day (UTC); `None` for no limit. Default: 20.
    pub max_mails_per_day: Option<u32>,
    /// The maximum number of attempts with one-time passwords of one account per day (UTC), in addition to the limit of
    /// each password; `None` for no further limit. Default: 20.
    pub max_otp_tries_per_day: Option<u32>,
    /// How long an account with an unverified address is kept; `None` for ever. Default: 7 days.
    pub unverified_account_ttl: Option<TimeDelta>,
    /// How long an order holds stock while it waits for a payment that must arrive before it ships. Default: 30
    /// minutes.
    pub reservation_ttl: TimeDelta,
    /// How long an order holds stock while it waits for a payment that may arrive after it ships, such as one made
    /// outside the shop; `None` for ever. An order that was shipped, or paid in part, is not canceled. Default: one
    /// week.
    pub manual_payment_ttl: Option<TimeDelta>,
    /// The maximum number of orders of one account, or of guests with one e-mail address, that wait for payment; `None`
    /// for no limit. Staff may place more for them. Default: `None`.
    pub max_unpaid_orders: Option<u32>,
    /// How long a guest's cart is kept after its last change, until the [worker](crate::worker::Worker::forget) deletes
    /// it; `None` for ever. Ordered carts stay. Default: 30 days.
    pub guest_cart_ttl: Option<TimeDelta>,
    /// The number of days after the day of the last delivery in which buyers may withdraw from the contract; 0 disables
    /// withdrawals. Default: 14.
    pub withdrawal_days: u32,
    /// Whether prices, including shipping prices, include taxes. Otherwise taxes are added. Default: false.
    pub prices_include_tax: bool,
    /// Whether taxes are rounded per line, or once per tax rate of the order. Default: per line.
    pub tax_rounding: TaxRounding,
    /// Whether buyers get mails about their orders. Without a [mailer](crate::shop::ShopBuilder::mailer), no such mail
    /// is written. Default: true.
    pub order_emails: bool,
    /// Whether webhook URLs may point into private networks and need no encryption: for development, and for receivers
    /// in the shop's own network. Default: false.
    pub webhooks_allow_private: bool,
}

impl Settings {
    /// The issuer of tokens (`iss`).
    #[must_use]
    pub fn token_issuer(&self) -> &str {
        self.token_issuer.as_deref().unwrap_or(&self.frontend_url)
    }

    /// How long an order holds stock while it waits for a payment through this gateway.
    pub(crate) fn hold(&self, gateway: &dyn PaymentGateway) -> Option<TimeDelta> {
        if gateway.prepaid() { Some(self.reservation_ttl) } else { self.manual_payment_ttl }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            currency: Currency::USD,
            frontend_url: "http://localhost:3000".to_owned(),
            access_token_lifetime: TimeDelta::seconds(300),
            refresh_token_lifetime: TimeDelta::seconds(86_400),
            session_lifetime: TimeDelta::days(30),
            token_issuer: None,
            max_mails_per_day: Some(20),
            max_otp_tries_per_day: Some(20),
            unverified_account_ttl: Some(TimeDelta::days(7)),
            reservation_ttl: TimeDelta::seconds(1_800),
            manual_payment_ttl: Some(TimeDelta::days(7)),
            max_unpaid_orders: None,
            guest_cart_ttl: Some(TimeDelta::days(30)),
            withdrawal_days: 14,
            prices_include_tax: false,
            tax_rounding: TaxRounding::Line,
            order_emails: true,
            webhooks_allow_private: false,
        }
    }
}
