//! The one error every call of the shop answers with: it says what the caller can do.

use std::collections::BTreeMap;

/// Why a call was refused, or could not be carried out.
///
/// Each variant has a stable machine word ([`Error::code`]) and a sentence ([`std::fmt::Display`]).
/// A transport maps variants to its own statuses and adds nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One or more fields are missing, malformed or out of bounds; every one of them is named.
    #[error("Invalid input.")]
    Invalid(Invalid),
    /// The one-time password is wrong, expired, used or spent.
    #[error("The code is wrong or has expired.")]
    InvalidOtp,
    /// A password-reset link is wrong, expired or used.
    #[error("The link is not valid or has expired.")]
    InvalidToken,
    /// A gateway's message is not signed by the gateway.
    #[error("The signature is not valid.")]
    InvalidSignature,
    /// The call needs a signed-in person.
    #[error("Authentication credentials were not provided.")]
    NotAuthenticated,
    /// An access or refresh token is malformed, expired, revoked or of the wrong type.
    #[error("Token is invalid or expired.")]
    TokenNotValid,
    /// No active account has this name and password.
    #[error("No active account found with the given credentials.")]
    InvalidCredentials,
    /// The caller is known and may not do this.
    #[error("You do not have permission to perform this action.")]
    PermissionDenied,
    /// The password is right, the e-mail address was never confirmed.
    #[error("The e-mail address has not been verified.")]
    EmailNotVerified,
    /// There is no such thing, or it is somebody else's.
    #[error("Not found.")]
    NotFound,
    /// A buyer wants more than can be sold.
    #[error("Only {available} of {sku} can be sold.")]
    OutOfStock {
        /// Which variant.
        sku: String,
        /// How many can be sold now, never negative.
        available: i64,
    },
    /// The total the buyer agreed to is not the total of now.
    #[error("The total is now {total}.")]
    TotalChanged {
        /// The total of now, in major units, as a decimal string.
        total: String,
    },
    /// The gateway cannot charge the total.
    #[error("{detail}")]
    TotalNotChargeable {
        /// A sentence: what it can charge.
        detail: String,
    },
    /// A coupon of the cart does not apply, or not any more.
    #[error("The coupon {code} cannot be used: {reason}")]
    CouponNotApplicable {
        /// The code, as it was given.
        code: String,
        /// A sentence: why.
        reason: String,
    },
    /// A staff change would take away stock that is not there or is reserved.
    #[error("There is not enough free stock: {detail}")]
    InsufficientStock {
        /// What is missing where.
        detail: String,
    },
    /// The state of the thing forbids the step.
    #[error("{detail}")]
    InvalidTransition {
        /// A sentence: which state, which step.
        detail: String,
    },
    /// A name that must be unique is taken.
    #[error("This {field} is already taken.")]
    AlreadyExists {
        /// Which field of the input is taken.
        field: &'static str,
    },
    /// The buyer may no longer withdraw from the contract.
    #[error("{detail}")]
    WithdrawalPeriodOver {
        /// A sentence: since when.
        detail: String,
    },
    /// The thing cannot be deleted while others depend on it.
    #[error("{detail}")]
    InUse {
        /// A sentence: what depends on it.
        detail: String,
    },
    /// An order needs at least one item.
    #[error("The cart is empty.")]
    CartEmpty,
    /// The buyer has as many orders that wait for their payment as they may have.
    #[error("{limit} orders wait for their payment already: pay or cancel one before you place another.")]
    TooManyUnpaidOrders {
        /// How many they may have.
        limit: u32,
        /// After how many seconds a retry makes sense.
        retry_after: u32,
    },
    /// The same idempotency key is being worked on at this moment.
    #[error("The first request with this key is still being processed.")]
    RequestInProgress,
    /// The caller expected an older version of the thing.
    #[error("The resource has changed since it was read.")]
    VersionMismatch,
    /// An idempotency key came again with another request.
    #[error("This idempotency key was used with a different request.")]
    IdempotencyMismatch,
    /// Too busy, or the storage cannot be reached or written; nothing was changed. Try again later.
    #[error("The shop cannot do this right now; please try again.")]
    Unavailable {
        /// After how many seconds a retry makes sense.
        retry_after: u32,
        /// What happened, for the log; never shown to a caller.
        #[source]
        source: Option<BoxError>,
    },
    /// A fault of the shop itself. Its inside belongs in the log, not in an answer.
    #[error("An internal error occurred.")]
    Fault(#[source] BoxError),
}

/// Any error of a part outside the core (a driver, a gateway).
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error with what caused it, in one line. A cause that the text before it tells already is not told again.
#[must_use]
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.contains(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        next = cause.source();
    }
    told
}

/// What every call of the shop returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The stable machine word for this error, the same over every transport.
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

    /// One invalid field with one reason.
    #[must_use]
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        let mut invalid = Invalid::default();
        invalid.add(field, why);
        Self::Invalid(invalid)
    }

    /// A fault of the shop itself, described by a sentence for the log.
    #[must_use]
    pub fn fault(why: impl Into<String>) -> Self {
        Self::Fault(why.into().into())
    }

    /// A refused step of a state machine.
    #[must_use]
    pub fn transition(detail: impl Into<String>) -> Self {
        Self::InvalidTransition { detail: detail.into() }
    }
}

/// The invalid fields of an input, each with the reasons why.
///
/// A nested field is named by its path (`shipping_address.city`, `variants.0.price`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invalid {
    /// Field path to sentences, in the order of the names.
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Invalid {
    /// Adds one reason to one field.
    pub fn add(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.fields.entry(field.into()).or_default().push(why.into());
    }

    /// Adds everything of `other`, its fields below `prefix`.
    pub fn nest(&mut self, prefix: &str, other: Invalid) {
        for (field, reasons) in other.fields {
            self.fields.entry(format!("{prefix}.{field}")).or_default().extend(reasons);
        }
    }

    /// True when nothing is wrong.
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
