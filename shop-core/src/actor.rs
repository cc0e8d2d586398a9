//! The acting person: every call of the shop takes one, and judges by it what may be seen and done.

use crate::error::{Error, Result};
use crate::id::{CartId, OrderId, SessionId, UserId};

/// Who acts, and what they hold a proven token of.
///
/// Made by [`Shop::identify`](crate::Shop::identify) from tokens, or by an embedding program that vouches for it
/// ([`Actor::system`], [`Actor::user`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    identity: Identity,
    cart: Option<CartId>,
    order: Option<OrderId>,
}

/// Who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nobody known.
    Anonymous,
    /// A signed-in person.
    User(SignedIn),
    /// The shop itself, or the program that embeds it: may do everything staff may.
    System,
}

/// A signed-in person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub user_id: UserId,
    /// In which session; every change this person makes requires that it is still alive. `None` when the
    /// embedding program vouches for the person: every change then requires that the account exists and is active.
    pub session_id: Option<SessionId>,
    /// May run the shop.
    pub is_staff: bool,
    /// May make others staff.
    pub is_superuser: bool,
}

impl Actor {
    /// Nobody known, with no token.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { identity: Identity::Anonymous, cart: None, order: None }
    }

    /// The shop itself.
    #[must_use]
    pub fn system() -> Self {
        Self { identity: Identity::System, cart: None, order: None }
    }

    /// A person that somebody vouches for.
    ///
    /// The caller vouches for the identity and the roles, not for the account: each change is refused
    /// ([`Error::PermissionDenied`]) unless the account exists and is active when the change is committed. Reads are not
    /// judged: do not show the data of an account to somebody whom you would not let sign in.
    #[must_use]
    pub fn user(person: SignedIn) -> Self {
        Self { identity: Identity::User(person), cart: None, order: None }
    }

    /// The same, holding a proven cart token.
    #[must_use]
    pub fn with_cart(mut self, cart: Option<CartId>) -> Self {
        self.cart = cart;
        self
    }

    /// The same, holding a proven order token.
    #[must_use]
    pub fn with_order(mut self, order: Option<OrderId>) -> Self {
        self.order = order;
        self
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The guest's cart they hold a token of.
    #[must_use]
    pub fn cart(&self) -> Option<CartId> {
        self.cart
    }

    /// The guest's order they hold a token of.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        self.order
    }

    /// The signed-in person, if there is one.
    #[must_use]
    pub fn signed_in(&self) -> Option<SignedIn> {
        match self.identity {
            Identity::User(person) => Some(person),
            _ => None,
        }
    }

    /// True for staff and for the shop itself.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        match self.identity {
            Identity::Anonymous => false,
            Identity::User(person) => person.is_staff || person.is_superuser,
            Identity::System => true,
        }
    }

    /// The signed-in person.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when there is none.
    pub fn require_user(&self) -> Result<SignedIn> {
        self.signed_in().ok_or(Error::NotAuthenticated)
    }

    /// Passes staff and the shop itself.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for nobody known, [`Error::PermissionDenied`] for a customer.
    pub fn require_staff(&self) -> Result<()> {
        match self.identity {
            Identity::Anonymous => Err(Error::NotAuthenticated),
            _ if self.is_staff() => Ok(()),
            _ => Err(Error::PermissionDenied),
        }
    }

    /// Passes superusers and the shop itself.
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

    /// Under what name idempotency keys are kept: the person, else the cart, else the order whose token they hold.
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

    /// The word for an order's history: `staff`, `customer`, `guest` or `system`.
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
