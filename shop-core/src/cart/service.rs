//! The calls about carts: each loads, decides and commits.

use super::contents::CartContents;
use super::input::{AddCoupon, AddItem, RequestedItem, SetQuantity, ShippingOptions};
use super::operations;
use super::view::{CartView, priced};
use crate::actor::Actor;
use crate::batch::{Batch, Decision, expect_version};
use crate::clock::{DecisionContext, Timestamp};
use crate::error::{Error, Result};
use crate::field::Checks;
use crate::id::{CartId, CartItemId, UserId, VariantId};
use crate::model::cart::{Cart, CartStatus};
use crate::model::catalog::ProductStatus;
use crate::model::pricing::{Customer, PriceRules, RulesQuery};
use crate::model::promotions::code_key;
use crate::pricing::Coupon;
use crate::shipping::operations::{Quote, quote};
use crate::shop::Shop;

/// The calls about carts; see [`Shop`].
///
/// A signed-in user always gets their own cart, whatever token they send. Anyone else gets the guest cart that their
/// token opens.
#[derive(Debug, Clone, Copy)]
pub struct Carts<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// Carts of customers and guests.
    #[must_use]
    pub fn carts(&self) -> Carts<'_> {
        Carts { shop: self }
    }
}

impl Carts<'_> {
    /// Returns a customer's cart, or creates a guest's cart and returns it with the token that opens it.
    ///
    /// # Errors
    /// When the storage cannot be read or written.
    pub async fn create(&self, actor: &Actor) -> Result<CartView> {
        if actor.signed_in().is_some() {
            return self.get(actor).await;
        }
        self.shop
            .execute(actor, |mut context| async move {
                let mut batch = Batch::new(&mut context);
                let cart = operations::write(self.open(None, &mut context), &context, &mut batch);
                Ok(Decision { batch, reply: self.first_view(&cart, &CartContext::default(), &context) })
            })
            .await
    }

    /// Returns the caller's cart. A customer always has one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a guest without a valid token.
    pub async fn get(&self, actor: &Actor) -> Result<CartView> {
        if let Some(cart) = self.stored(actor).await? {
            let cart_context = self.cart_context(&cart, None).await?;
            return Ok(cart_context.view(&cart, &self.shop.context()));
        }
        self.change(actor, None, None, |cart, _, _| Ok(cart)).await
    }

    /// Adds an item to the caller's cart. A guest without a valid token gets a new cart with its token.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field, [`Error::OutOfStock`] when less can be sold now. On an error the
    /// cart is unchanged.
    pub async fn add_item(&self, actor: &Actor, input: AddItem) -> Result<CartView> {
        let mut checks = Checks::new();
        let (Some((requested, quantity)), true) = (input.check(&mut checks), checks.is_clean()) else {
            return Err(checks.into_error());
        };
        let requested = &requested;
        self.shop
            .execute(actor, |mut context| async move {
                let variant = self.resolve(requested).await?;
                let stored = self.stored(actor).await?;
                let customer = actor.signed_in().map(|person| person.user_id);
                let is_new_guest = stored.is_none() && customer.is_none();
                let cart = stored.unwrap_or_else(|| self.open(customer, &mut context));
                let cart_context = self.cart_context(&cart, Some(variant)).await?;
                let cart =
                    operations::add(cart, &cart_context.contents, variant, requested.field(), quantity, &mut context)?;
                let mut batch = Batch::new(&mut context);
                let cart = operations::write(cart, &context, &mut batch);
                let reply = if is_new_guest {
                    self.first_view(&cart, &cart_context, &context)
                } else {
                    cart_context.view(&cart, &context)
                };
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Sets the quantity of a line; 0 removes it. `expected` is the version of the cart that the caller saw.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::OutOfStock`], [`Error::VersionMismatch`]. On an error the cart
    /// is unchanged.
    pub async fn set_quantity(
        &self,
        actor: &Actor,
        item: CartItemId,
        input: SetQuantity,
        expected: Option<i64>,
    ) -> Result<CartView> {
        let mut checks = Checks::new();
        let (Some(quantity), true) = (input.check(&mut checks), checks.is_clean()) else {
            // Report a missing or changed cart before invalid input.
            let cart = self.stored(actor).await?.filter(|cart| cart.items.iter().any(|line| line.id == item));
            let cart = cart.ok_or(Error::NotFound)?;
            expect_version(&cart, expected)?;
            return Err(checks.into_error());
        };
        self.change(actor, expected, None, |cart, cart_context, _| {
            operations::set_quantity(cart, &cart_context.contents, item, quantity)
        })
        .await
    }

    /// Removes a line. `expected` is the version of the cart that the caller saw.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::VersionMismatch`].
    pub async fn remove_item(&self, actor: &Actor, item: CartItemId, expected: Option<i64>) -> Result<CartView> {
        self.change(actor, expected, None, |cart, _, _| operations::remove(cart, item)).await
    }

    /// Adds a coupon to the caller's cart; a coupon that is already there stays as it is. `expected` is the version of
    /// the cart that the caller saw.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for a guest without a valid token, [`Error::VersionMismatch`],
    /// [`Error::CouponNotApplicable`]. On an error the cart is unchanged. Only staff can learn from it which codes
    /// exist: the reason is [the same sentence](operations::UNUSABLE_COUPON) for every code that this buyer cannot use.
    /// For a coupon that the buyer could use, it says what the cart lacks.
    pub async fn add_coupon(&self, actor: &Actor, input: AddCoupon, expected: Option<i64>) -> Result<CartView> {
        let mut checks = Checks::new();
        let (Some(code), true) = (input.check(&mut checks), checks.is_clean()) else {
            // Report a missing or changed cart before invalid input.
            match self.stored(actor).await? {
                Some(cart) => expect_version(&cart, expected)?,
                None if actor.signed_in().is_none() => return Err(Error::NotFound),
                None => {}
            }
            return Err(checks.into_error());
        };
        let code = &code;
        self.change(actor, expected, Some(code), |cart, cart_context, context| {
            let cart = operations::add_coupon(cart, code)?;
            let key = code_key(code);
            let coupons = priced(&cart, &cart_context.contents, &cart_context.rules, context.now()).coupons;
            match coupons.into_iter().find(|coupon| code_key(&coupon.code) == key) {
                Some(Coupon { code, outcome }) => operations::admit_coupon(cart, code, outcome, actor.is_staff()),
                None => Ok(cart),
            }
        })
        .await
    }

    /// Removes a coupon, in any spelling of its code. `expected` is the version of the cart that the caller saw.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::VersionMismatch`].
    pub async fn remove_coupon(&self, actor: &Actor, code: &str, expected: Option<i64>) -> Result<CartView> {
        self.change(actor, expected, None, |cart, _, _| operations::remove_coupon(cart, code)).await
    }

    /// Removes every line and every coupon. `expected` is the version of the cart that the caller saw.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a guest without a valid token, [`Error::VersionMismatch`].
    pub async fn empty(&self, actor: &Actor, expected: Option<i64>) -> Result<CartView> {
        self.change(actor, expected, None, |cart, _, _| Ok(operations::empty(cart))).await
    }

    /// Lists every way to ship the caller's cart to a country, cheapest first.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for a guest without a valid token.
    pub async fn shipping_options(&self, actor: &Actor, input: ShippingOptions) -> Result<Vec<Quote>> {
        let mut context = self.shop.context();
        let cart = match (self.stored(actor).await?, actor.signed_in()) {
            (Some(cart), _) => cart,
            (None, Some(person)) => self.open(Some(person.user_id), &mut context),
            (None, None) => return Err(Error::NotFound),
        };
        let mut checks = Checks::new();
        let (Some(country), true) = (input.check(&mut checks), checks.is_clean()) else {
            return Err(checks.into_error());
        };
        let variants: Vec<_> = cart.items.iter().map(|item| item.variant_id).collect();
        let contents = CartContents::load(self.shop.store(), &variants).await?;
        let (zones, methods) = self.shop.store().shipping_rates().await?;
        let (weight, subtotal) = operations::weight_and_subtotal(&cart, &contents);
        Ok(quote(&zones, &methods, &country, weight, subtotal, cart.currency))
    }

    /// Moves the contents of a guest's open cart into the customer's own at sign-in, and closes the guest's cart; see
    /// [`operations::merge`]. The caller must have authenticated as the customer and hold the cart's token. Repeating
    /// it has no effect.
    pub(crate) async fn merge_guest_cart(&self, user: UserId, guest: CartId) -> Result<()> {
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                let Some(guest) = self.shop.store().cart(guest).await?.filter(is_open_guests) else {
                    return Ok(Decision::unchanged(&mut context, ()));
                };
                let own = self.shop.store().open_cart_of(user).await?;
                let own = own.unwrap_or_else(|| self.open(Some(user), &mut context));
                let variants: Vec<_> = guest.items.iter().map(|item| item.variant_id).collect();
                let contents = CartContents::load(self.shop.store(), &variants).await?;
                let before = own.clone();
                let (own, guest) = operations::merge(own, guest, &contents, &mut context);
                let mut batch = Batch::new(&mut context);
                operations::write(guest, &context, &mut batch);
                if own != before {
                    operations::write(own, &context, &mut batch);
                }
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Removes at most `limit` guest carts that were not changed for
    /// [`Settings::guest_cart_ttl`](crate::shop::Settings::guest_cart_ttl), and returns their number. Ordered carts
    /// stay.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub(crate) async fn remove_left(&self, limit: u32) -> Result<u32> {
        let Some(ttl) = self.shop.settings().guest_cart_ttl else { return Ok(0) };
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                // A TTL beyond the range of timestamps keeps every cart.
                let before = context.now().checked_sub_signed(ttl).unwrap_or(Timestamp::MIN_UTC);
                let carts = self.shop.store().guest_carts_unchanged_since(before, limit).await?;
                Ok(operations::remove_guest_carts(&carts, before, &mut context))
            })
            .await
    }

    /// The caller's open cart, as stored.
    pub(crate) async fn stored(&self, actor: &Actor) -> Result<Option<Cart>> {
        let store = self.shop.store();
        Ok(match (actor.signed_in(), actor.cart()) {
            (Some(person), _) => store.open_cart_of(person.user_id).await?,
            (None, Some(cart)) => store.cart(cart).await?.filter(is_open_guests),
            (None, None) => None,
        })
    }

    /// Changes the caller's cart, and creates it for a customer without one. `coupon` is a code that `decide` may add.
    async fn change(
        &self,
        actor: &Actor,
        expected: Option<i64>,
        coupon: Option<&str>,
        decide: impl Fn(Cart, &CartContext, &mut DecisionContext) -> Result<Cart> + Sync,
    ) -> Result<CartView> {
        let decide = &decide;
        self.shop
            .execute(actor, |mut context| async move {
                let before = match (self.stored(actor).await?, actor.signed_in()) {
                    (Some(cart), _) => cart,
                    (None, Some(person)) => self.open(Some(person.user_id), &mut context),
                    (None, None) => return Err(Error::NotFound),
                };
                expect_version(&before, expected)?;
                let variants = before.items.iter().map(|item| item.variant_id).collect();
                let codes = before.coupons.iter().map(String::as_str).chain(coupon).collect();
                let cart_context = CartContext::load(self.shop, before.customer_id, variants, codes).await?;
                let after = decide(before.clone(), &cart_context, &mut context)?;
                if after == before && before.version > 0 {
                    let reply = cart_context.view(&after, &context);
                    return Ok(Decision::unchanged(&mut context, reply));
                }
                let mut batch = Batch::new(&mut context);
                let after = operations::write(after, &context, &mut batch);
                let reply = cart_context.view(&after, &context);
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Finds the variant that the request names.
    async fn resolve(&self, requested: &RequestedItem) -> Result<VariantId> {
        let store = self.shop.store();
        let unknown = || Error::invalid(requested.field(), "This is not on sale.");
        match requested {
            RequestedItem::Variant(id) => Ok(*id),
            RequestedItem::Sku(sku) => {
                let product = store.product_by_sku(sku).await?.ok_or_else(unknown)?;
                product
                    .variants
                    .iter()
                    .find(|variant| variant.sku == *sku)
                    .map(|variant| variant.id)
                    .ok_or_else(unknown)
            }
            RequestedItem::Product(id) => {
                let product = store.product(*id).await?.ok_or_else(unknown)?;
                let mut variants = product.live_variants();
                match (variants.next(), variants.next()) {
                    (Some(only), None) => Ok(only.id),
                    (Some(_), Some(_)) if product.status == ProductStatus::Active => {
                        Err(Error::invalid("product_id", "This comes in several variants: give variant_id or sku."))
                    }
                    _ => Err(unknown()),
                }
            }
        }
    }

    fn open(self, customer: Option<UserId>, context: &mut DecisionContext) -> Cart {
        operations::open(customer, self.shop.settings().currency, context)
    }

    /// The view of a guest's new cart, with its token.
    fn first_view(self, cart: &Cart, cart_context: &CartContext, context: &DecisionContext) -> CartView {
        CartView { token: Some(self.shop.keys().cart_token(cart.id)), ..cart_context.view(cart, context) }
    }

    async fn cart_context(&self, cart: &Cart, another: Option<VariantId>) -> Result<CartContext> {
        let mut variants: Vec<_> = cart.items.iter().map(|item| item.variant_id).collect();
        variants.extend(another.filter(|id| !variants.contains(id)));
        let codes = cart.coupons.iter().map(String::as_str).collect();
        CartContext::load(self.shop, cart.customer_id, variants, codes).await
    }
}

/// The inputs for pricing a cart.
#[derive(Debug, Default)]
struct CartContext {
    contents: CartContents,
    rules: PriceRules,
}

impl CartContext {
    /// Loads products, stock and rules concurrently: they do not depend on each other. An empty cart costs no read.
    async fn load(shop: &Shop, customer: Option<UserId>, variants: Vec<VariantId>, codes: Vec<&str>) -> Result<Self> {
        if variants.is_empty() && codes.is_empty() {
            return Ok(Self::default());
        }
        let query = RulesQuery {
            code_keys: codes.into_iter().map(code_key).collect(),
            customer: customer.map(Customer::User),
            tax_countries: Vec::new(),
        };
        let rules = async { Ok::<_, Error>(shop.store().price_rules(&query).await?) };
        let (contents, rules) =
            futures_util::future::try_join(CartContents::load(shop.store(), &variants), rules).await?;
        Ok(Self { contents, rules })
    }

    fn view(&self, cart: &Cart, context: &DecisionContext) -> CartView {
        CartView::new(cart, &self.contents, &self.rules, context.now())
    }
}

/// A token opens only a guest's cart that is neither ordered nor merged.
fn is_open_guests(cart: &Cart) -> bool {
    cart.status == CartStatus::Open && cart.customer_id.is_none()
}
