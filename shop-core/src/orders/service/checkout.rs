//! Loads what an order of a cart needs, to place it or to quote it.

use super::super::input::{CheckedOrder, PlaceOrder, ShipTo};
use super::super::operations::{self, Checkout, Placement, basket};
use super::super::view::OrderQuote;
use super::Orders;
use crate::actor::Actor;
use crate::cart::{CartContents, operations as carts};
use crate::clock::DecisionContext;
use crate::error::{Error, Invalid, Result};
use crate::id::{MethodId, UserId};
use crate::model::accounts::User;
use crate::model::cart::Cart;
use crate::model::pricing::{Customer, PriceRules, RulesQuery};
use crate::model::promotions::code_key;
use crate::model::shipping::{Address, Method, Zone};
use crate::money::Amount;
use crate::pricing::{BasketLine, TaxRequest, TaxedLine, Taxes, own_rates, region_of, tax_countries, taxable};
use crate::shipping::operations::{Quote, quote};
use crate::validate::Email;

/// The buyer of an order, and who places it.
pub(super) struct Buyer {
    /// The customer, whose address book and e-mail address are used.
    pub(super) user: Option<UserId>,
    /// The e-mail address of a guest.
    pub(super) email: Option<Email>,
    /// Who places it: [`Actor::role`].
    pub(super) role: &'static str,
}

impl<'a> Orders<'a> {
    /// Returns the price of an order of the caller's cart: makes the decision of [`Orders::place`] with the input known
    /// so far, and writes nothing. The result lists what an order still needs. For taxes, a country is enough (and a
    /// region, where taxes differ by it); for shipping, also a method.
    ///
    /// The same input to [`Orders::place`], with [`OrderQuote::total`] as `expected_total`, gives this total; if the
    /// cart or anything it depends on has changed, it is refused. The `expected_total` of this call's input is ignored.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use shop_core::orders::PlaceOrder;
    /// use shop_core::shop::Tokens;
    /// use shop_core::{Actor, Shop, cart::AddItem, memory::MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { futures_executor::block_on(async {
    /// # let shop = Shop::builder(Arc::new(MemoryStore::new()), b"32 bytes from a good source, kept").open().await?;
    /// # let lamp = serde_json::json!({"name": "Lamp", "price": "19.99", "sku": "LAMP", "stock": 5});
    /// # shop.catalog().create_product(&Actor::system(), serde_json::from_value(lamp)?).await?;
    /// # let vat = serde_json::json!({"name": "VAT", "country": "GB", "rate": "0.2"});
    /// # shop.catalog().create_tax_rate(&Actor::system(), serde_json::from_value(vat)?).await?;
    /// let item = AddItem { sku: "LAMP".into(), quantity: 2.into(), ..AddItem::default() };
    /// let token = shop.carts().add_item(&Actor::anonymous(), item).await?.token.ok_or("a guest's")?;
    /// let guest = shop.identify(Tokens { cart: Some(token.expose()), ..Tokens::default() }).await?;
    ///
    /// let known: PlaceOrder = serde_json::from_value(serde_json::json!({"shipping_address": {"country": "GB"}}))?;
    /// let quote = shop.orders().quote(&guest, known).await?;
    /// assert_eq!(quote.currency.format_amount(quote.total), "47.98");
    /// assert!(quote.missing.contains(&"shipping_address.line1".to_owned()));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// As [`Orders::place`], for the known input: [`Error::Invalid`] lists invalid fields, but not missing ones. If
    /// nothing is missing, every error of the order is also one of the quote, except [`Error::TotalChanged`].
    pub async fn quote(&self, actor: &Actor, input: PlaceOrder) -> Result<OrderQuote> {
        let gateways: Vec<_> = self.shop.gateways().iter().map(|gateway| gateway.id()).collect();
        let checked_order = input.check_known(actor.signed_in().is_none(), &gateways, self.shop.settings().currency);
        self.decided(actor, &checked_order, &mut self.shop.context(), operations::quote_order).await
    }

    /// Loads an order of the caller's cart and decides; retries if the cart has changed meanwhile.
    pub(super) async fn decided<T>(
        self,
        actor: &Actor,
        checked_order: &CheckedOrder,
        context: &mut DecisionContext,
        decide: impl Fn(Checkout<'a>, &mut DecisionContext) -> Result<T>,
    ) -> Result<T> {
        loop {
            let checkout = self.prepare(actor, checked_order, context).await?;
            let cart = (checkout.cart.id, checkout.cart.version);
            let refusal = match decide(checkout, context) {
                Err(
                    refusal @ (Error::OutOfStock { .. }
                    | Error::CouponNotApplicable { .. }
                    | Error::TooManyUnpaidOrders { .. }),
                ) => refusal,
                decided => return decided,
            };
            // Stock and uses were read after the cart, so an order of this very cart may have taken them. A customer
            // without a stored cart holds nothing.
            let now = self.shop.carts().stored(actor).await?;
            if now.is_some_and(|now| (now.id, now.version) == cart) {
                return Err(refusal);
            }
        }
    }

    /// Loads an order of the caller's cart.
    async fn prepare(
        &self,
        actor: &Actor,
        checked_order: &CheckedOrder,
        context: &mut DecisionContext,
    ) -> Result<Checkout<'a>> {
        let cart = match (self.shop.carts().stored(actor).await?, actor.signed_in()) {
            (Some(cart), _) => cart,
            // A customer always has a cart, if only an empty one.
            (None, Some(person)) => carts::open(Some(person.user_id), self.shop.settings().currency, context),
            (None, None) => return Err(Error::NotFound),
        };
        let user = actor.signed_in().map(|person| person.user_id);
        let buyer = Buyer { user, email: checked_order.email.clone(), role: actor.role() };
        self.checkout(buyer, checked_order, cart, None, context).await
    }

    /// As [`Orders::checkout`], but refuses missing fields.
    pub(super) async fn placement(
        &self,
        buyer: Buyer,
        checked_order: &CheckedOrder,
        cart: Cart,
        known: Option<CartContents>,
        context: &DecisionContext,
    ) -> Result<Placement<'a>> {
        let checkout = self.checkout(buyer, checked_order, cart, known, context).await?;
        checkout.complete().map_err(|_| Error::Invalid(checked_order.invalid.clone()))
    }

    /// Loads the rest of an order of a cart, and checks what depends on it. Loads the products of the lines unless they
    /// are given as `known`.
    async fn checkout(
        &self,
        buyer: Buyer,
        checked_order: &CheckedOrder,
        cart: Cart,
        known: Option<CartContents>,
        context: &DecisionContext,
    ) -> Result<Checkout<'a>> {
        let (mut invalid, mut missing) = (checked_order.invalid.clone(), checked_order.missing.clone());
        let mut address = self.shipping_address(buyer.user, checked_order, &mut invalid).await?;
        let query = rules_query(&cart, &buyer, address.as_ref());
        let Loaded { contents, rules, shipping_rates, user } =
            self.load(&buyer, checked_order, &cart, &query, known).await?;
        // With a tax provider, the rates do not depend on the region codes of the shop's own table.
        if let Some(address) = address.as_mut().filter(|_| self.shop.tax_provider().is_none()) {
            match region_of(&rules.tax_rates, address) {
                Ok(Some(code)) => address.region = Some(code.to_owned()),
                Ok(None) => {}
                Err(_) if checked_order.may_lack_region(address) => {
                    missing.push(checked_order.region_field().to_owned());
                }
                Err(why) => invalid.add(checked_order.region_field(), why),
            }
        }
        let country = address.as_ref().map(|address| address.country.as_str());
        let shipping =
            checked_order.method.map(|id| shipping_quote(id, &shipping_rates, country, &cart, &contents, &mut invalid));
        let (quote, cheapest) = shipping.flatten().unzip();
        let email = match (buyer.user, user) {
            (None, _) => buyer.email,
            // A customer's current address.
            (Some(_), Some(user)) => Some(Email { key: user.email_key, address: user.email }),
            (Some(_), None) => return Err(Error::NotAuthenticated),
        };
        let gateway = checked_order.gateway.as_deref().and_then(|id| self.shop.gateway(id));
        if !invalid.is_empty() {
            return Err(Error::Invalid(invalid));
        }
        let settings = self.shop.settings();
        Ok(Checkout {
            taxes: self.taxes(&cart, &contents, &rules, quote.as_ref(), address.as_ref(), context).await?,
            billing_address: checked_order.billing_address.clone(),
            shipping_address: address,
            hold_until: gateway.and_then(|gateway| settings.hold(gateway.as_ref())).map(|hold| context.now() + hold),
            // Orders placed by staff count towards the limit, but are not refused by it.
            max_unpaid: settings.max_unpaid_orders.filter(|_| !matches!(buyer.role, "staff" | "system")),
            gateway: gateway.map(AsRef::as_ref),
            role: buyer.role,
            expected_total: checked_order.expected_total,
            note: checked_order.note.clone(),
            cheapest_shipping: cheapest.unwrap_or(Amount::ZERO),
            cart,
            contents,
            rules,
            quote,
            email,
            missing,
        })
    }

    /// Reads what an order of a cart depends on, except the products of the lines if they are `known`.
    async fn load(
        &self,
        buyer: &Buyer,
        checked_order: &CheckedOrder,
        cart: &Cart,
        query: &RulesQuery,
        known: Option<CartContents>,
    ) -> Result<Loaded> {
        let store = self.shop.store();
        let variants: Vec<_> = cart.items.iter().map(|item| item.variant_id).collect();
        let rules = async { Ok::<_, Error>(store.price_rules(query).await?) };
        let contents = async {
            match known {
                Some(contents) => Ok(contents),
                None => CartContents::load(store, &variants).await,
            }
        };
        // These reads are independent, so they run concurrently. All shipping methods are read, because the order
        // stores the price of the cheapest.
        let shipping_rates = async {
            match checked_order.method {
                Some(_) => Ok::<_, Error>(store.shipping_rates().await?),
                None => Ok((Vec::new(), Vec::new())),
            }
        };
        let user = async {
            match buyer.user {
                Some(id) => Ok::<_, Error>(store.user(id).await?),
                None => Ok(None),
            }
        };
        let (contents, rules, shipping_rates, user) =
            futures_util::future::try_join4(contents, rules, shipping_rates, user).await?;
        Ok(Loaded { contents, rules, shipping_rates, user })
    }

    /// The taxes of the cart at its address, from the shop's own rates or from the tax provider. The provider is called
    /// here, before anything is decided.
    async fn taxes(
        &self,
        cart: &Cart,
        contents: &CartContents,
        rules: &PriceRules,
        quote: Option<&Quote>,
        address: Option<&Address>,
        context: &DecisionContext,
    ) -> Result<Taxes> {
        let settings = self.shop.settings();
        let (included, rounding) = (settings.prices_include_tax, settings.tax_rounding);
        let Some(address) = address else { return Ok(Taxes { included, rounding, ..Taxes::default() }) };
        let lines: Vec<BasketLine<'_>> =
            cart.items.iter().filter_map(|item| contents.line(item.variant_id, item.quantity)).collect();
        let (quote, shipping_shares) = match self.shop.tax_provider() {
            None => own_rates(&rules.tax_rates, address, lines.iter().map(|line| (line.variant_id, line.tax_class))),
            Some(provider) => {
                let (amounts, shipping) = taxable(&basket(cart, &lines, quote, context.now()), rules);
                let request = TaxRequest {
                    address,
                    currency: cart.currency,
                    prices_include_tax: included,
                    lines: &lines.iter().zip(amounts).map(|(line, amount)| taxed(line, amount)).collect::<Vec<_>>(),
                    shipping,
                };
                (provider.quote(&request).await?, Vec::new())
            }
        };
        Ok(Taxes { quote, shipping_shares, included, rounding })
    }

    async fn shipping_address(
        &self,
        buyer: Option<UserId>,
        checked_order: &CheckedOrder,
        invalid: &mut Invalid,
    ) -> Result<Option<Address>> {
        let id = match &checked_order.shipping_address {
            None => return Ok(None),
            Some(ShipTo::Address(address)) => return Ok(Some(address.as_ref().clone())),
            Some(ShipTo::Saved(id)) => *id,
        };
        let saved = self.shop.store().address(id).await?.filter(|saved| buyer == Some(saved.user_id));
        if saved.is_none() {
            invalid.add("shipping_address_id", "There is no such address in your address book.");
        }
        Ok(saved.map(|saved| saved.address))
    }
}

/// What an order of a cart depends on, besides the cart.
struct Loaded {
    contents: CartContents,
    rules: PriceRules,
    shipping_rates: (Vec<Zone>, Vec<Method>),
    user: Option<User>,
}

/// The request for the promotions and tax rates that apply to a cart.
fn rules_query(cart: &Cart, buyer: &Buyer, address: Option<&Address>) -> RulesQuery {
    RulesQuery {
        code_keys: cart.coupons.iter().map(|code| code_key(code)).collect(),
        customer: match buyer.user {
            Some(id) => Some(Customer::User(id)),
            None => buyer.email.as_ref().map(|email| Customer::Guest(email.key.clone())),
        },
        tax_countries: address.map(tax_countries).unwrap_or_default(),
    }
}

/// The quote of the chosen method, and the price of the cheapest one; `None` while the country is unknown.
fn shipping_quote(
    method: MethodId,
    (zones, methods): &(Vec<Zone>, Vec<Method>),
    country: Option<&str>,
    cart: &Cart,
    contents: &CartContents,
    invalid: &mut Invalid,
) -> Option<(Quote, Amount)> {
    if !methods.iter().any(|known| known.id == method) {
        invalid.add("shipping_method_id", "There is no such shipping method.");
        return None;
    }
    let (weight, subtotal) = carts::weight_and_subtotal(cart, contents);
    let quotes = quote(zones, methods, country?, weight, subtotal, cart.currency);
    let cheapest = quotes.first().map(|quote| quote.price);
    let chosen = quotes.into_iter().find(|quote| quote.method.id == method).zip(cheapest);
    if chosen.is_none() {
        invalid.add("shipping_method_id", "This method does not ship this cart to this address.");
    }
    chosen
}

/// A line in the form that a tax provider gets.
fn taxed<'a>(line: &BasketLine<'a>, amount: Amount) -> TaxedLine<'a> {
    let BasketLine { variant_id, product_id, tax_class, quantity, .. } = *line;
    TaxedLine { variant_id, product_id, tax_class, quantity, amount }
}
