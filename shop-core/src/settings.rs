//! What an operator decides about a shop.

use chrono::TimeDelta;

use crate::gateway::PaymentGateway;
use crate::money::Currency;
use crate::pricing::TaxRounding;

/// What an operator decides about a shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The currency of every price (USD).
    pub currency: Currency,
    /// Base of the links in mails, without a slash at the end (`http://localhost:3000`).
    pub frontend_url: String,
    /// How long an access token works (5 minutes).
    pub access_token_lifetime: TimeDelta,
    /// How long a refresh token works (a day).
    pub refresh_token_lifetime: TimeDelta,
    /// How long a sign-in lasts, however often its tokens are refreshed (30 days).
    pub session_lifetime: TimeDelta,
    /// Who issues the tokens (`iss`): one that names another issuer is refused. Shops that share a secret key need
    /// different ones; a change ends every session (`None`: [`Settings::frontend_url`]).
    pub token_issuer: Option<String>,
    /// How many mails that anybody can ask for (codes, links that reset a password, notices) are sent to one account on
    /// one day, UTC (20; `None`: any number).
    pub max_mails_per_day: Option<u32>,
    /// How often one-time passwords of one account can be tried on one day, UTC, whichever they are (20; `None`: as often
    /// as each allows).
    pub max_otp_tries_per_day: Option<u32>,
    /// How long an account is kept whose address nobody proves (7 days; `None`: for ever).
    pub unverified_account_ttl: Option<TimeDelta>,
    /// How long an order holds stock while it waits for a payment that must come before it ships (30 minutes).
    pub reservation_ttl: TimeDelta,
    /// How long an order holds stock while it waits for a payment that need not come before it ships, such as one outside
    /// the shop; `None`: for ever (a week). One that was shipped or paid in part is not canceled.
    pub manual_payment_ttl: Option<TimeDelta>,
    /// How many orders of one account, or of guests with one e-mail address, may wait for their payment at once; staff may place
    /// more for them (no limit).
    pub max_unpaid_orders: Option<u32>,
    /// After how long without a change a guest's cart is removed by the [worker](crate::worker::Worker::forget); `None`:
    /// never (30 days). What became an order stays.
    pub guest_cart_ttl: Option<TimeDelta>,
    /// How many days after that of the last delivery buyers may withdraw from the contract; 0: not at all (14).
    pub withdrawal_days: u32,
    /// Whether prices, that of shipping too, include the taxes; else they are added to them (no).
    pub prices_include_tax: bool,
    /// Of what taxes are rounded (of each line).
    pub tax_rounding: TaxRounding,
    /// Buyers are mailed what happens to their orders (yes). None of these mails is written without a
    /// [mailer](crate::shop::ShopBuilder::mailer).
    pub order_emails: bool,
    /// Webhooks may lead into private networks, and need no encryption: for developers, and for receivers beside the
    /// shop (no).
    pub webhooks_allow_private: bool,
}

impl Settings {
    /// Who issues the tokens.
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
