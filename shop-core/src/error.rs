//! The error type of every call of the shop. Each variant says what the caller can do.

use std::collections::BTreeMap;

/// The reason why a call was refused or failed.
///
/// Each variant has a stable code ([`Error::code`]) and a message ([`std::fmt::Display`]). A transport maps variants to
/// its own statuses and adds nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One or more fields are missing, malformed or out of range. The error names all of them.
    #[error("Invalid input.")]
    Invalid(Invalid),
    /// The one-time password is wrong, expired, already used or out of attempts.
    #[error("The code is wrong or has expired.")]
    InvalidOtp,
    /// A password-reset link is wrong, expired or already used.
    #[error("The link is not valid or has expired.")]
    InvalidToken,
    /// A gateway's message does not carry a valid signature.
    #[error("The signature is not valid.")]
    InvalidSignature,
    /// The call requires a signed-in user.
    #[error("Authentication credentials were not provided.")]
    NotAuthenticated,
    /// An access or refresh token is malformed, expired, revoked or of the wrong type.
    #[error("Token is invalid or expired.")]
    TokenNotValid,
    /// No active account matches the user name and password.
    #[error("No active account found with the given credentials.")]
    InvalidCredentials,
    /// The caller is authenticated but lacks permission.
    #[error("You do not have permission to perform this action.")]
    PermissionDenied,
    /// The password is correct, but the e-mail address is not verified.
    #[error("The e-mail address has not been verified.")]
    EmailNotVerified,
    /// The resource does not exist, or belongs to another user.
    #[error("Not found.")]
    NotFound,
    /// The buyer asks for more than can be sold.
    #[error("Only {available} of {sku} can be sold.")]
    OutOfStock {
        /// The SKU of the variant.
        sku: String,
        /// The quantity that can be sold now, never negative.
        available: i64,
    },
    /// The total that the buyer agreed to differs from the current total.
    #[error("The total is now {total}.")]
    TotalChanged {
        /// The current total, in major units, as a decimal string.
        total: String,
    },
    /// The gateway cannot charge the total.
    #[error("{detail}")]
    TotalNotChargeable {
        /// A sentence that says which totals the gateway can charge.
        detail: String,
    },
    /// A coupon in the cart does not apply, or no longer applies.
    #[error("The coupon {code} cannot be used: {reason}")]
    CouponNotApplicable {
        /// The coupon code, as the buyer entered it.
        code: String,
        /// A sentence that says why.
        reason: String,
    },
    /// A staff change would remove stock that is absent or reserved.
    #[error("There is not enough free stock: {detail}")]
    InsufficientStock {
        /// What is missing, and at which location.
        detail: String,
    },
    /// The resource's state does not allow the transition.
    #[error("{detail}")]
    InvalidTransition {
        /// A sentence that names the state and the transition.
        detail: String,
    },
    /// A value that must be unique is taken.
    #[error("This {field} is already taken.")]
    AlreadyExists {
        /// The name of the input field.
        field: &'static str,
    },
    /// The buyer's withdrawal period is over.
    #[error("{detail}")]
    WithdrawalPeriodOver {
        /// A sentence that says since when.
        detail: String,
    },
    /// The resource cannot be deleted while others depend on it.
    #[error("{detail}")]
    InUse {
        /// A sentence that names what depends on it.
        detail: String,
    },
    /// The cart is empty: an order needs at least one item.
    #[error("The cart is empty.")]
    CartEmpty,
    /// The buyer has reached the limit of unpaid orders.
    #[error("{limit} orders wait for their payment already: pay or cancel one before you place another.")]
    TooManyUnpaidOrders {
        /// The limit of unpaid orders.
        limit: u32,
        /// Seconds until a retry makes sense.
        retry_after: u32,
    },
    /// A request with the same idempotency key is still in progress.
    #[error("The first request with this key is still being processed.")]
    RequestInProgress,
    /// The caller expected an older version of the resource.
    #[error("The resource has changed since it was read.")]
    VersionMismatch,
    /// An idempotency key was reused with a different request.
    #[error("This idempotency key was used with a different request.")]
    IdempotencyMismatch,
    /// The shop is too busy, or the storage cannot be reached or written. Nothing was changed. Retry later.
    #[error("The shop cannot do this right now; please try again.")]
    Unavailable {
        /// Seconds until a retry makes sense.
        retry_after: u32,
        /// The cause, for the log; never shown to a caller.
        #[source]
        source: Option<BoxError>,
    },
    /// An internal error. Its cause belongs in the log, not in a response.
    #[error("An internal error occurred.")]
    Fault(#[source] BoxError),
}

/// Any error from a component outside the core (a driver, a gateway).
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Formats an error and its causes on one line. A cause whose text is already included is skipped.
#[must_use]
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        next = cause.source();
    }
    message
}

/// The result of every call of the shop.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The stable code of this error, the same over every transport.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::InvalidOtp => "invalid_otp",
            Self::InvalidToken => "invalid_token",
            Self::InvalidSignature => "invalid_signature",
            Self::NotAuthenticated => "not_authenticated",
            Self::TokenNotValid => "token_not_valid",
            Self::InvalidCredentials => "invalid_credentials",
            Self::PermissionDenied => "permission_denied",
            Self::EmailNotVerified => "email_not_verified",
            Self::NotFound => "not_found",
            Self::OutOfStock { .. } => "out_of_stock",
            Self::TotalChanged { .. } => "total_changed",
            Self::TotalNotChargeable { .. } => "total_not_chargeable",
            Self::CouponNotApplicable { .. } => "coupon_not_applicable",
            Self::InsufficientStock { .. } => "insufficient_stock",
            Self::InvalidTransition { .. } => "invalid_transition",
            Self::AlreadyExists { .. } => "already_exists",
            Self::WithdrawalPeriodOver { .. } => "withdrawal_period_over",
            Self::InUse { .. } => "in_use",
            Self::CartEmpty => "cart_empty",
            Self::TooManyUnpaidOrders { .. } => "throttled",
            Self::RequestInProgress => "request_in_progress",
            Self::VersionMismatch => "version_mismatch",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::Unavailable { .. } => "unavailable",
            Self::Fault(_) => "internal_error",
        }
    }

    /// An error for one invalid field with one reason.
    #[must_use]
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        let mut invalid = Invalid::default();
        invalid.add(field, why);
        Self::Invalid(invalid)
    }

    /// An internal error, described by a sentence for the log.
    #[must_use]
    pub fn fault(why: impl Into<String>) -> Self {
        Self::Fault(why.into().into())
    }

    /// A refused transition of a state machine.
    #[must_use]
    pub fn transition(detail: impl Into<String>) -> Self {
        Self::InvalidTransition { detail: detail.into() }
    }
}

/// The invalid fields of an input, each with its reasons.
///
/// A nested field is named by its path (`shipping_address.city`, `variants.0.price`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invalid {
    /// Maps field paths to sentences, sorted by path.
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Invalid {
    /// Adds a reason to a field.
    pub fn add(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.fields.entry(field.into()).or_default().push(why.into());
    }

    /// Adds all fields of `other`, with their paths prefixed by `prefix`.
    pub fn nest(&mut self, prefix: &str, other: Invalid) {
        for (field, reasons) in other.fields {
            self.fields.entry(format!("{prefix}.{field}")).or_default().extend(reasons);
        }
    }

    /// True if no field is invalid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn causes_are_told_once() {
        let disk = || std::io::Error::other("disk");
        let outer = Error::Unavailable { retry_after: 1, source: Some(Box::new(Outer("cannot read", disk()))) };
        assert!(with_causes(&outer).ends_with(": cannot read: disk"), "{}", with_causes(&outer));
        assert_eq!(with_causes(&Outer("cannot read the disk", disk())), "cannot read the disk");
    }
}
