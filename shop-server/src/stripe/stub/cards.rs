//! The cards of Stripe's page "Testing", by their outcome.

/// The card that a buyer pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// `4242 4242 4242 4242`: pays.
    Visa,
    /// `4000 0000 0000 0002`: declined (`card_declined`, `generic_decline`).
    Declined,
    /// `4000 0000 0000 9995`: declined (`card_declined`, `insufficient_funds`).
    InsufficientFunds,
    /// `4000 0000 0000 3220`: the bank requires authentication (3-D Secure).
    ThreeDSecure,
    /// `4000 0000 0000 7726`: pays; a refund is `pending` at first and succeeds later.
    RefundPending,
    /// `4000 0000 0000 5126`: pays; a refund succeeds at first and fails later.
    RefundFails,
}

impl Card {
    /// The `decline_code` and message, if the card is declined.
    pub(super) fn decline(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Declined => Some(("generic_decline", "Your card was declined.")),
            Self::InsufficientFunds => Some(("insufficient_funds", "Your card has insufficient funds.")),
            Self::Visa | Self::ThreeDSecure | Self::RefundPending | Self::RefundFails => None,
        }
    }
}
