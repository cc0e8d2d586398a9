//! The cards of Stripe's page "Testing", by what becomes of a payment with them.

/// What a buyer pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// `4242 4242 4242 4242`: pays.
    Visa,
    /// `4000 0000 0000 0002`: declined (`card_declined`, `generic_decline`).
    Declined,
    /// `4000 0000 0000 9995`: declined (`card_declined`, `insufficient_funds`).
    InsufficientFunds,
    /// `4000 0000 0000 3220`: the bank asks first (3-D Secure).
    ThreeDSecure,
    /// `4000 0000 0000 7726`: pays; a refund is `pending` first, and succeeds later.
    RefundPending,
    /// `4000 0000 0000 5126`: pays; a refund succeeds first, and fails later.
    RefundFails,
}

impl Card {
    /// The decline, if that is what comes of it: its `decline_code` and its sentence.
    pub(super) fn decline(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Declined => Some(("generic_decline", "Your card was declined.")),
            Self::InsufficientFunds => Some(("insufficient_funds", "Your card has insufficient funds.")),
            Self::Visa | Self::ThreeDSecure | Self::RefundPending | Self::RefundFails => None,
        }
    }
}
