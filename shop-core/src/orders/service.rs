//! The calls of this domain: each loads, decides and commits.

mod bulk;
mod cancellations;
mod drafts;
mod returns;

use std::collections::HashMap;

use super::input::{OrderKey, OrderQuery, PlaceOrder, ShipTo, Wishes};
use super::model::{HistoryEntry, Order, OrderSort, OrderStatus};
use super::operations::{self, Placement, Reason, basket, identified, may_see};
use super::state::OrderState;
use super::view::{OrderView, PlacedOrder};
use crate::actor::Actor;
use crate::batch::Batch;
use crate::cart::{Cart, Goods, operations as carts};
use crate::catalog::{Customer, PriceRules, RulesQuery, code_key};
use crate::clock::Moment;
use crate::error::{Error, Invalid, Result};
use crate::execute::Decision;
use crate::id::{OrderId, UserId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::money::Amount;
use crate::page::{Page, PageRequest};
use crate::payments::Payment;
use crate::payments::remote::{hold_again, may_void};
use crate::pricing::{Line, TaxRequest, TaxedLine, Taxes, own_rates, region_of, tax_countries, taxable};
use crate::shipping::operations::{Quote, quote};
use crate::shipping::{Address, Method, Zone};
use crate::shop::Shop;
use crate::validate::Email;

/// Whose an order will be, and who places it.
struct Buyer {
    /// The customer, whose address book and address of mail are used.
    user: Option<UserId>,
    /// Anybody else's address of mail.
    email: Option<Email>,
    /// Who places it: [`Actor::role`].
    role: &'static str,
}

/// The calls of this domain; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    pub(super) shop: &'a Shop,
}

impl<'a> Orders<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }

    /// Turns the caller's cart into an order and closes it, in one batch with the reservations, the payment and the
    /// kept answer. A guest gets the token that opens the order.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a guest without an open cart; [`Error::Invalid`] naming every wrong field;
    /// [`Error::CartEmpty`], [`Error::OutOfStock`], [`Error::CouponNotApplicable`], [`Error::TotalNotChargeable`],
    /// [`Error::TotalChanged`], [`Error::TooManyUnpaidOrders`]; [`Error::IdempotencyMismatch`].
    pub async fn place(
        &self,
        actor: &Actor,
        input: PlaceOrder,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<PlacedOrder>> {
        let gateways: Vec<_> = self.shop.gateways().iter().map(|gateway| gateway.id()).collect();
        let wishes = &input.check(actor.signed_in().is_none(), &gateways, self.shop.settings().currency);
        let Replayable { value: view, replayed } = self
            .shop
            .execute_once(actor, "orders.place", key, |mut moment| async move {
                loop {
                    let placement = self.prepare(actor, wishes, &mut moment).await?;
                    let cart = (placement.cart.id, placement.cart.version);
                    let refusal = match operations::place(placement, &mut moment) {
                        Err(
                            refusal @ (Error::OutOfStock { .. }
                            | Error::CouponNotApplicable { .. }
                            | Error::TooManyUnpaidOrders { .. }),
                        ) => refusal,
                        decided => return decided,
                    };
                    // Stock and uses were read after the cart: it may be this very cart's order that took them.
                    let now = self.shop.carts().stored(actor).await?;
                    if now.is_some_and(|now| (now.id, now.version) == cart) {
                        return Err(refusal);
                    }
                }
            })
            .await?;
        Ok(Replayable { value: self.placed(view), replayed })
    }

    /// The order as whoever placed it sees it: a guest's comes with its token.
    fn placed(self, view: OrderView) -> PlacedOrder {
        let is_guests = view.order.customer_id.is_none();
        let access_token = is_guests.then(|| self.shop.keys().order_token(view.order.id));
        PlacedOrder { view, access_token }
    }

    /// The orders of a list: a customer's own, for staff everybody's.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a guest.
    pub async fn list(
        &self,
        actor: &Actor,
        query: OrderQuery,
        page: &PageRequest<OrderSort>,
    ) -> Result<Page<OrderView>> {
        let only_own = query.mine || !actor.is_staff();
        let customer_id = if only_own { Some(actor.require_user()?.user_id) } else { None };
        let searched = query.search.as_deref().and_then(operations::parse_number);
        let mut filter = query.filter();
        filter.customer_id = customer_id;
        // A whole number is looked up by its index. Where there is none such, it may be a sku that looks like one.
        if let Some(number) = searched.filter(|number| filter.number.as_ref().is_none_or(|wanted| wanted == number))
            && self.shop.store().order_by_number(&number).await?.is_some()
        {
            filter.number = Some(number);
            filter.search.clear();
        }
        let page = self.shop.store().list_orders(&filter, page).await?;
        let ids: Vec<_> = page.items.iter().map(|order| order.id).collect();
        let (mut payments, mut shipments) = (HashMap::new(), HashMap::new());
        if !ids.is_empty() {
            for payment in self.shop.store().payments_of_orders(&ids).await? {
                payments.entry(payment.order_id).or_insert_with(Vec::new).push(payment);
            }
            for shipment in self.shop.store().shipments_of_orders(&ids).await? {
                shipments.entry(shipment.order_id).or_insert_with(Vec::new).push(shipment);
            }
        }
        Ok(page.map(|order| OrderView {
            payments: payments.remove(&order.id).unwrap_or_default(),
            shipments: shipments.remove(&order.id).unwrap_or_default(),
            order,
        }))
    }

    /// An order with its payments and parcels, for its owner, staff, or the holder of a guest's order token.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a stranger, [`Error::NotFound`] when it is absent or somebody else's.
    pub async fn view(&self, actor: &Actor, order: impl Into<OrderKey>) -> Result<OrderView> {
        let order = self.visible(actor, order).await?;
        let ids = [order.id];
        let store = self.shop.store();
        let (payments, shipments) =
            futures_util::future::try_join(store.payments_of_orders(&ids), store.shipments_of_orders(&ids)).await?;
        Ok(OrderView { order, payments, shipments })
    }

    /// The timeline of an order, oldest first, for those who may see the order; only staff see their own notes
    /// and what is for them to look at.
    ///
    /// # Errors
    /// As [`Orders::view`].
    pub async fn history(&self, actor: &Actor, order: impl Into<OrderKey>) -> Result<Vec<HistoryEntry>> {
        let order = self.visible(actor, order).await?;
        let mut history = self.shop.store().history(order.id).await?;
        history.retain(|entry| entry.visible || actor.is_staff());
        Ok(history)
    }

    /// Calls an order off: its stock is given back, its payments are voided or refunded.
    ///
    /// While a payment is open at a gateway over a network, that is asked first, and the order is called off with its
    /// answer ([`Payments::advance`](crate::payments::Payments::advance) waits for it): until then it is answered as it
    /// is. Money that comes before the gateway has answered is given back.
    ///
    /// # Errors
    /// As [`Orders::view`]; [`Error::InvalidTransition`] when it is canceled or completed already, when any of it
    /// has been shipped, or when staff must call off a payment of it first, whose gateway shows what was not asked for; [`Error::RequestInProgress`] while a gateway is asked for something else;
    /// [`Error::IdempotencyMismatch`].
    pub async fn cancel(
        &self,
        actor: &Actor,
        id: OrderId,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<OrderView>> {
        self.cancel_because(actor, id, None, key).await
    }

    /// As [`Orders::cancel`]; the reason goes into the history, for staff.
    async fn cancel_because(
        &self,
        actor: &Actor,
        id: OrderId,
        reason: Option<&str>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<OrderView>> {
        identified(actor)?;
        self.shop
            .execute_once(actor, &format!("orders.cancel:{id}"), key, |mut moment| async move {
                let OrderState { order, payments, shipments, reservations, .. } = self.state(id, &mut moment).await?;
                may_see(actor, &order)?;
                let view = OrderView { order, payments, shipments };
                let asked = Reason::Asked(actor.role());
                let mut decision = operations::cancel(view, &reservations, asked, &self.is_remote(), &mut moment)?;
                if let Some(reason) = reason {
                    let batch = &mut decision.batch;
                    operations::record_for_staff(batch, &mut moment, id, "cancel_reason", actor.role(), reason);
                }
                Ok(decision)
            })
            .await
    }

    pub(super) fn is_remote(&self) -> impl Fn(&Payment) -> bool {
        |payment| self.shop.is_remote(&payment.gateway)
    }

    /// Cancels up to `limit` orders whose payment did not come in time, and gives back what they held; the longest
    /// overdue first. Says how many it canceled. Meant to be called again and again by a worker; any number of them
    /// may, and each order is canceled once. An order that cannot be canceled now does not keep the others from it.
    ///
    /// # Errors
    /// When the overdue orders cannot be listed.
    pub async fn cancel_overdue(&self, limit: u32) -> Result<u32> {
        let mut canceled = 0;
        for id in self.shop.store().overdue_orders(self.shop.moment().now(), limit).await? {
            match self.cancel_if_overdue(id).await {
                Ok(true) => canceled += 1,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, order = %id, "an overdue order could not be canceled"),
            }
        }
        Ok(canceled)
    }

    async fn cancel_if_overdue(&self, id: OrderId) -> Result<bool> {
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let OrderState { mut order, payments, shipments, reservations, .. } =
                    self.state(id, &mut moment).await?;
                let overdue = order.hold_until.is_some_and(|until| until <= moment.now());
                // Paid, canceled or given more time since it was listed.
                if order.status != OrderStatus::Placed || !overdue {
                    return Ok(Decision::unchanged(&mut moment, false));
                }
                if payments.iter().any(|payment| payment.state.is_open() && may_void(payment).is_err()) {
                    // Its gateway is being asked already: the order waits for the answer.
                    let mut batch = Batch::new(&mut moment);
                    hold_again(&mut order, &moment);
                    operations::settle(order, &payments, &shipments, &mut moment, &mut batch);
                    return Ok(Decision { batch, reply: false });
                }
                let view = OrderView { order, payments, shipments };
                let decision =
                    operations::cancel(view, &reservations, Reason::Overdue, &self.is_remote(), &mut moment)?;
                Ok(decision.map(|view| view.order.status == OrderStatus::Canceled))
            })
            .await
    }

    async fn visible(&self, actor: &Actor, order: impl Into<OrderKey>) -> Result<Order> {
        identified(actor)?;
        let order = match order.into() {
            OrderKey::Id(id) => self.shop.store().order(id).await?,
            OrderKey::Number(written) => match operations::parse_number(&written) {
                Some(number) => self.shop.store().order_by_number(&number).await?,
                None => None,
            },
        };
        let order = order.ok_or(Error::NotFound)?;
        may_see(actor, &order)?;
        Ok(order)
    }

    /// Reads what an order of the caller's cart is made of.
    async fn prepare(&self, actor: &Actor, wishes: &Wishes, moment: &mut Moment) -> Result<Placement<'a>> {
        let cart = match (self.shop.carts().stored(actor).await?, actor.signed_in()) {
            (Some(cart), _) => cart,
            // A customer always has a cart, if only an empty one.
            (None, Some(person)) => carts::open(Some(person.user_id), self.shop.settings().currency, moment),
            (None, None) => return Err(Error::NotFound),
        };
        let user = actor.signed_in().map(|person| person.user_id);
        let buyer = Buyer { user, email: wishes.email.clone(), role: actor.role() };
        self.placement(buyer, wishes, cart, None, moment).await
    }

    /// Reads what else an order of a cart is made of, and judges what could not be judged without. What its lines are
    /// about is read, too, unless it is known.
    async fn placement(
        &self,
        buyer: Buyer,
        wishes: &Wishes,
        cart: Cart,
        known: Option<Goods>,
        moment: &Moment,
    ) -> Result<Placement<'a>> {
        let store = self.shop.store();
        let mut invalid = wishes.invalid.clone();
        let variants: Vec<_> = cart.items.iter().map(|item| item.variant_id).collect();
        let mut address = self.shipping_address(buyer.user, wishes, &mut invalid).await?;
        let query = RulesQuery {
            code_keys: cart.coupons.iter().map(|code| code_key(code)).collect(),
            customer: match buyer.user {
                Some(id) => Some(Customer::User(id)),
                None => buyer.email.as_ref().map(|email| Customer::Guest(email.key.clone())),
            },
            tax_countries: address.as_ref().map(tax_countries).unwrap_or_default(),
        };
        let rules = async { Ok::<_, Error>(store.price_rules(&query).await?) };
        let goods = async {
            match known {
                Some(goods) => Ok(goods),
                None => Goods::load(store, &variants).await,
            }
        };
        // Nothing of this knows of the rest: read at once, it costs one wait.
        let method = async {
            match wishes.method {
                Some(id) => Ok::<_, Error>(store.method(id).await?),
                None => Ok(None),
            }
        };
        let user = async {
            match buyer.user {
                Some(id) => Ok::<_, Error>(store.user(id).await?),
                None => Ok(None),
            }
        };
        let (goods, rules, method, user) = futures_util::future::try_join4(goods, rules, method, user).await?;
        // Another's rates are by whatever their provider knows of the address.
        if let Some(address) = address.as_mut().filter(|_| self.shop.tax_provider().is_none()) {
            match region_of(&rules.tax_rates, address) {
                Ok(Some(code)) => address.region = Some(code.to_owned()),
                Ok(None) => {}
                Err(why) => invalid.add(wishes.region_field(), why),
            }
        }
        if wishes.method.is_some() && method.is_none() {
            invalid.add("shipping_method_id", "There is no such shipping method.");
        }
        let quote = self.quote(method, address.as_ref(), &cart, &goods, &mut invalid).await?;
        let email = match (buyer.user, user) {
            (None, _) => buyer.email,
            // A customer's own, as it is now.
            (Some(_), Some(user)) => Some(Email { key: user.email_key, address: user.email }),
            (Some(_), None) => return Err(Error::NotAuthenticated),
        };
        let gateway = wishes.gateway.as_deref().and_then(|id| self.shop.gateway(id));
        match (address, quote, email, gateway) {
            (Some(address), Some(quote), Some(email), Some(gateway)) if invalid.is_empty() => Ok(Placement {
                taxes: self.taxes(&cart, &goods, &rules, &quote, &address, moment).await?,
                billing_address: wishes.billing_address.clone().unwrap_or_else(|| address.clone()),
                shipping_address: address,
                hold_until: self.shop.settings().hold(gateway.as_ref()).map(|hold| moment.now() + hold),
                // What staff place for somebody is counted, and not limited.
                max_unpaid: self
                    .shop
                    .settings()
                    .max_unpaid_orders
                    .filter(|_| !matches!(buyer.role, "staff" | "system")),
                gateway: gateway.as_ref(),
                role: buyer.role,
                expected_total: wishes.expected_total,
                note: wishes.note.clone(),
                cart,
                goods,
                rules,
                quote,
                email,
            }),
            _ => Err(Error::Invalid(invalid)),
        }
    }

    /// How the cart is taxed at its address: by the shop's own rates, or as somebody else says, who is asked now, before
    /// anything is decided.
    async fn taxes(
        &self,
        cart: &Cart,
        goods: &Goods,
        rules: &PriceRules,
        quote: &Quote,
        address: &Address,
        moment: &Moment,
    ) -> Result<Taxes> {
        let settings = self.shop.settings();
        let lines: Vec<Line<'_>> =
            cart.items.iter().filter_map(|item| goods.line(item.variant_id, item.quantity)).collect();
        let (quote, shipping_shares) = match self.shop.tax_provider() {
            None => own_rates(&rules.tax_rates, address, lines.iter().map(|line| (line.variant_id, line.tax_class))),
            Some(provider) => {
                let (amounts, shipping) = taxable(&basket(cart, &lines, quote, moment.now()), rules);
                let request = TaxRequest {
                    address,
                    currency: cart.currency,
                    prices_include_tax: settings.prices_include_tax,
                    lines: &lines.iter().zip(amounts).map(|(line, amount)| taxed(line, amount)).collect::<Vec<_>>(),
                    shipping,
                };
                (provider.quote(&request).await?, Vec::new())
            }
        };
        Ok(Taxes { quote, shipping_shares, included: settings.prices_include_tax, rounding: settings.tax_rounding })
    }

    async fn shipping_address(
        &self,
        buyer: Option<UserId>,
        wishes: &Wishes,
        invalid: &mut Invalid,
    ) -> Result<Option<Address>> {
        let id = match &wishes.shipping_address {
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

    async fn quote(
        &self,
        method: Option<(Method, Zone)>,
        address: Option<&Address>,
        cart: &Cart,
        goods: &Goods,
        invalid: &mut Invalid,
    ) -> Result<Option<Quote>> {
        let (Some((method, zone)), Some(Address { country, .. })) = (method, address) else { return Ok(None) };
        // A zone that names the country serves it, whatever others do: only for the rest of the world are all read.
        let zones = if zone.countries.contains(country) { vec![zone] } else { self.shop.store().tariff().await?.0 };
        let (weight, subtotal) = carts::load(cart, goods);
        let quote = quote(&zones, &[method], country, weight, subtotal, cart.currency).pop();
        if quote.is_none() {
            invalid.add("shipping_method_id", "This method does not ship this cart to this address.");
        }
        Ok(quote)
    }
}

/// A line as somebody outside is told of it.
fn taxed<'a>(line: &Line<'a>, amount: Amount) -> TaxedLine<'a> {
    let Line { variant_id, product_id, tax_class, quantity, .. } = *line;
    TaxedLine { variant_id, product_id, tax_class, quantity, amount }
}
