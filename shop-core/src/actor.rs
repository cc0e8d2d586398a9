//! The caller's identity: every call of the shop takes an [`Actor`] and checks its permissions.

use crate::error::{Error, Result};
use crate::id::{CartId, OrderId, SessionId, UserId};

/// The caller's identity, and the cart and order that its tokens give access to.
///
/// Created by [`Shop::identify`](crate::Shop::identify) from tokens, or by an embedding program that vouches for the
/// identity ([`Actor::system`], [`Actor::user`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    identity: Identity,
    cart: Option<CartId>,
    order: Option<OrderId>,
}

/// The authenticated identity of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// An unauthenticated caller.
    Anonymous,
    /// A signed-in user.
    User(SignedIn),
    /// The shop itself, or the program that embeds it. It has all permissions of staff.
    System,
}

/// A signed-in user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// The user's account.
    pub user_id: UserId,
    /// The session. Every change that the user makes requires that it is still alive. `None` when the embedding program
    /// vouches for the user: every change then requires that the account exists and is active.
    pub session_id: Option<SessionId>,
    /// Whether the user may manage the shop.
    pub is_staff: bool,
    /// Whether the user may make others staff.
    pub is_superuser: bool,
}

impl Actor {
    /// An unauthenticated caller without tokens.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { identity: Identity::Anonymous, cart: None, order: None }
    }

    /// The shop itself.
    #[must_use]
    pub fn system() -> Self {
        Self { identity: Identity::System, cart: None, order: None }
    }

    /// A user that the embedding program vouches for.
    ///
    /// The caller vouches for the identity and the roles, not for the account: each change is refused
    /// ([`Error::PermissionDenied`]) unless the account exists and is active when the change is committed. Reads are
    /// not checked: do not show account data to a user whom you would not let sign in.
    #[must_use]
    pub fn user(person: SignedIn) -> Self {
        Self { identity: Identity::User(person), cart: None, order: None }
    }

    /// Sets the guest cart that the caller holds a verified token for.
    #[must_use]
    pub fn with_cart(mut self, cart: Option<CartId>) -> Self {
        self.cart = cart;
        self
    }

    /// Sets the guest order that the caller holds a verified token for.
    #[must_use]
    pub fn with_order(mut self, order: Option<OrderId>) -> Self {
        self.order = order;
        self
    }

    /// The authenticated identity.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The guest cart that the caller holds a token for.
    #[must_use]
    pub fn cart(&self) -> Option<CartId> {
        self.cart
    }

    /// The guest order that the caller holds a token for.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        self.order
    }

    /// The signed-in user, if any.
    #[must_use]
    pub fn signed_in(&self) -> Option<SignedIn> {
        match self.identity {
            Identity::User(person) => Some(person),
            _ => None,
        }
    }

    /// True for staff, superusers and the shop itself.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        match self.identity {
            Identity::Anonymous => false,
            Identity::User(person) => person.is_staff || person.is_superuser,
            Identity::System => true,
        }
    }

    /// Returns the signed-in user.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when there is none.
    pub fn require_user(&self) -> Result<SignedIn> {
        self.signed_in().ok_or(Error::NotAuthenticated)
    }

    /// Checks that the caller is staff or the shop itself.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for an anonymous caller, [`Error::PermissionDenied`] for a customer.
    pub fn require_staff(&self) -> Result<()> {
        match self.identity {
            Identity::Anonymous => Err(Error::NotAuthenticated),
            _ if self.is_staff() => Ok(()),
            _ => Err(Error::PermissionDenied),
        }
    }

    /// Checks that the caller is a superuser or the shop itself.
    ///
    /// # Errors
    /// As [`Actor::require_staff`].
    pub fn require_superuser(&self) -> Result<()> {
        match self.identity {
            Identity::Anonymous => Err(Error::NotAuthenticated),
            Identity::User(person) if !person.is_superuser => Err(Error::PermissionDenied),
            _ => Ok(()),
        }
    }

    /// The scope of the caller's idempotency keys: the user or the system, else the cart, else the order whose token
    /// they hold.
    #[must_use]
    pub fn caller(&self) -> Option<String> {
        match self.identity {
            Identity::User(person) => Some(format!("user:{}", person.user_id)),
            Identity::System => Some("system".to_owned()),
            Identity::Anonymous => {
                let cart = self.cart.map(|id| format!("cart:{id}"));
                cart.or_else(|| self.order.map(|id| format!("order:{id}")))
            }
        }
    }

    /// The role recorded in an order's history: `staff`, `customer`, `guest` or `system`.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match self.identity {
            Identity::System => "system",
            Identity::User(_) if self.is_staff() => "staff",
            Identity::User(_) => "customer",
            Identity::Anonymous => "guest",
        }
    }
}
