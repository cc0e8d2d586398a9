//! Merges batches: the rows that each batch writes, per part, and which batches may share a transaction.
//!
//! The result of a shared transaction must equal that of its batches in some serial order. This holds if no batch
//! writes a row, or takes a unique key, that another one writes, takes or relies on: then every order gives the same
//! result. Changes of one stock level, and changes of one use count, are exceptions that pay off: they add up (see
//! [`Sum`], [`UsesSum`]).

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher as _};

use shop_core::accounts::{AccountsWrite, User};
use shop_core::batch::{Batch, Change, Entity, Require, RowWrite, Unique, Write};
use shop_core::cart::CartStatus;
use shop_core::catalog::{CatalogWrite, Product};
use shop_core::inventory::InventoryWrite;
use shop_core::orders::{Draft, OrdersWrite};
use shop_core::outbox::OutboxWrite;
use shop_core::payments::Payment;
use uuid::Uuid;

use super::outbox;
use super::part::Part;
use super::pricing::UsesSum;
use super::stock::{Direction, Sum, direction};
use super::table::{Record, children_of, row_of};
use super::value::Row;

/// A set of parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts(u128);

impl Parts {
    /// The set of these parts.
    pub(crate) fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut set = Self::default();
        parts.into_iter().for_each(|part| set.add(part));
        set
    }

    fn add(&mut self, part: Part) {
        self.0 |= 1 << (part as u8);
    }

    /// True if it contains all of `other`.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The rows that a batch writes, and the keys it touches. The caller's own task prepares this, so that the committer
/// only has to merge.
#[derive(Debug, Default)]
pub(crate) struct Mergeable {
    lines: Vec<(Part, Row)>,
    levels: BTreeMap<(Uuid, Uuid), Sum>,
    uses: BTreeMap<(Uuid, String), UsesSum>,
    direction: Option<Direction>,
    /// Rows that are written and unique keys that are taken, with the version that each row must have.
    writes: HashMap<u64, Option<i64>>,
    /// Rows that are relied on.
    reads: HashSet<u64>,
}

/// A hash of a row or a unique key. A collision only keeps two batches apart.
fn touch(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

fn row_touch(entity: Entity, id: Uuid) -> u64 {
    touch((0_u8, entity, id))
}

fn key_touch(unique: Unique, key: impl Hash) -> u64 {
    touch((1_u8, unique, key))
}

fn level_touch(variant: Uuid, location: Uuid) -> u64 {
    key_touch(Unique::StockLevel, (variant, location))
}

fn ids(ids: &[Uuid]) -> Row {
    let mut row = Row::default();
    for id in ids {
        row.id(*id);
    }
    row
}

fn at_version(id: Uuid, version: Option<i64>) -> Row {
    let mut row = Row::default();
    row.id(id).optional_int(version);
    row
}

/// The batch needs the plain path: it does something rare, or writes one row twice.
#[derive(Debug)]
struct Alone;

type Merged = Result<(), Alone>;

impl Mergeable {
    /// The rows of a batch, unless it must be committed alone.
    pub(crate) fn of(batch: &Batch) -> Option<Self> {
        let mut merged = Self::default();
        merged.batch(batch).ok()?;
        Some(merged)
    }

    /// The number of rows that it writes and locks.
    pub(crate) fn rows(&self) -> usize {
        self.lines.len() + self.levels.len() + self.uses.len()
    }

    fn batch(&mut self, batch: &Batch) -> Merged {
        self.take(key_touch(Unique::Operation, batch.operation))?;
        self.line(Part::InsertOperations, outbox::operation(batch));
        batch.writes.iter().try_for_each(|write| self.write(write))?;
        batch.requires.iter().try_for_each(|require| self.require(require))?;
        let added = |level: &(Uuid, Uuid)| self.writes.contains_key(&level_touch(level.0, level.1));
        if self.levels.keys().any(added) { Err(Alone) } else { Ok(()) }
    }

    fn line(&mut self, part: Part, row: Row) {
        self.lines.push((part, row));
    }

    /// Claims a row or key that no other write of the batch may claim.
    fn take(&mut self, touched: u64) -> Merged {
        self.own(touched, None)
    }

    fn own(&mut self, touched: u64, version: Option<i64>) -> Merged {
        if self.writes.insert(touched, version).is_some() { Err(Alone) } else { Ok(()) }
    }

    /// Notes the direction of a change that adds up; all such changes of a batch must have the same direction.
    fn goes(&mut self, direction: Direction) -> Merged {
        let before = self.direction.replace(direction);
        if before.is_some_and(|before| before != direction) { Err(Alone) } else { Ok(()) }
    }

    /// Adds a new row, or the next version of a row.
    fn change<T: Record>(&mut self, change: &Change<T>, insert: Part, update: Option<(Part, Part)>) -> Merged {
        match (change, update) {
            (Change::Insert(row), _) => {
                self.take(row_touch(T::ENTITY, row.key()))?;
                self.line(insert, row.row());
            }
            (Change::Update(row), Some((own, update))) => {
                let before = row.version().checked_sub(1);
                self.own(row_touch(T::ENTITY, row.key()), before)?;
                self.line(own, at_version(row.key(), before));
                self.line(update, row.row());
            }
            _ => return Err(Alone),
        }
        Ok(())
    }

    fn draft(&mut self, change: &Change<Draft>) -> Merged {
        if let Change::Delete { id, version } = *change {
            self.own(row_touch(Entity::Draft, id), Some(version))?;
            self.line(Part::OwnDrafts, at_version(id, Some(version)));
            self.line(Part::DeleteDrafts, at_version(id, Some(version)));
            return Ok(());
        }
        self.change(change, Part::InsertDrafts, Some((Part::OwnDrafts, Part::UpdateDrafts)))
    }

    fn require(&mut self, require: &Require) -> Merged {
        match *require {
            Require::Version(entity, id, version) => {
                let touched = row_touch(entity, id);
                match (self.writes.get(&touched), entity) {
                    // Written by the batch itself, under the same guard.
                    (Some(before), _) if *before == Some(version) => return Ok(()),
                    (
                        None,
                        Entity::Category
                        | Entity::Product
                        | Entity::Promotion
                        | Entity::TaxRate
                        | Entity::Zone
                        | Entity::Method
                        | Entity::Webhook,
                    ) => {}
                    _ => return Err(Alone),
                }
                let part = match entity {
                    Entity::Category => Part::ShareCategories,
                    Entity::Product => Part::ShareProducts,
                    Entity::Promotion => Part::SharePromotions,
                    Entity::TaxRate => Part::ShareTaxRates,
                    Entity::Zone => Part::ShareZones,
                    Entity::Webhook => Part::ShareWebhooks,
                    _ => Part::ShareMethods,
                };
                self.line(part, at_version(id, Some(version)));
                self.reads.insert(touched);
            }
            Require::LiveSession(session, user) => {
                self.line(Part::LiveUsers, ids(&[user.0]));
                self.line(Part::LiveSessions, ids(&[session.0, user.0]));
                self.reads.insert(row_touch(Entity::User, user.0));
                self.reads.insert(row_touch(Entity::Session, session.0));
            }
            Require::ActiveUser(user) => {
                self.line(Part::LiveUsers, ids(&[user.0]));
                self.reads.insert(row_touch(Entity::User, user.0));
            }
            // Address books are changed one batch at a time.
            Require::AddressesBelow(..) => return Err(Alone),
            Require::Untracked(variant, location) => {
                self.line(Part::UntrackedLevels, ids(&[variant.0, location.0]));
                self.reads.insert(level_touch(variant.0, location.0));
            }
        }
        Ok(())
    }

    fn write(&mut self, write: &Write) -> Merged {
        match write {
            Write::Row(write) => self.row(write),
            Write::Accounts(write) => self.accounts(write),
            Write::Catalog(CatalogWrite::PricePeriod(period)) => {
                self.take(touch((3_u8, period.variant_id, period.version)))?;
                self.line(Part::PutPrices, row_of(period));
                Ok(())
            }
            Write::Catalog(CatalogWrite::Uses(delta)) => {
                self.goes(if delta.delta > 0 { Direction::Takes } else { Direction::Gives })?;
                let (promotion, customer) = delta.counter.key();
                self.uses.entry((promotion, customer.to_owned())).or_default().add(UsesSum::of(delta));
                Ok(())
            }
            Write::Orders(OrdersWrite::History(entry)) => {
                self.take(key_touch(Unique::OtherId, entry.id))?;
                self.line(Part::InsertHistory, row_of(entry));
                Ok(())
            }
            Write::Inventory(write) => self.inventory(write),
            Write::Outbox(write) => self.outbox(write),
            Write::Answer(answer) => {
                self.take(key_touch(Unique::Answer, &answer.key))?;
                self.line(Part::InsertAnswers, row_of(answer));
                Ok(())
            }
            Write::Catalog(_) | Write::Forget { .. } => Err(Alone),
        }
    }

    fn row(&mut self, write: &RowWrite) -> Merged {
        match write {
            RowWrite::User(change) => self.user(change),
            RowWrite::Session(change) => {
                self.change(change, Part::InsertSessions, Some((Part::OwnSessions, Part::UpdateSessions)))
            }
            RowWrite::Product(change) => self.product(change),
            RowWrite::Cart(change) => {
                if let Change::Insert(cart) | Change::Update(cart) = change
                    && let (CartStatus::Open, Some(customer)) = (cart.status, cart.customer_id)
                {
                    self.take(key_touch(Unique::OpenCart, customer))?;
                }
                self.change(change, Part::InsertCarts, Some((Part::OwnCarts, Part::UpdateCarts)))
            }
            RowWrite::Order(change) => {
                if let Change::Insert(order) | Change::Update(order) = change {
                    self.take(key_touch(Unique::OrderNumber, &order.number))?;
                    self.take(key_touch(Unique::OrderOfCart, order.cart_id))?;
                }
                if let Change::Insert(order) = change {
                    children_of(order).for_each(|row| self.line(Part::InsertItems, row));
                }
                self.change(change, Part::InsertOrders, Some((Part::OwnOrders, Part::UpdateOrders)))
            }
            RowWrite::Return(change) => {
                self.change(change, Part::InsertReturns, Some((Part::OwnReturns, Part::UpdateReturns)))
            }
            RowWrite::Draft(change) => self.draft(change),
            RowWrite::Payment(change) => self.payment(change),
            RowWrite::Shipment(change) => {
                self.change(change, Part::InsertShipments, Some((Part::OwnShipments, Part::UpdateShipments)))
            }
            RowWrite::Reservation(change) => {
                self.change(change, Part::InsertReservations, Some((Part::OwnReservations, Part::UpdateReservations)))
            }
            RowWrite::Delivery(change) => {
                self.change(change, Part::InsertDeliveries, Some((Part::OwnDeliveries, Part::UpdateDeliveries)))
            }
            // Changed rarely.
            RowWrite::Category(_)
            | RowWrite::Promotion(_)
            | RowWrite::TaxRate(_)
            | RowWrite::Address(_)
            | RowWrite::Zone(_)
            | RowWrite::Method(_)
            | RowWrite::Location(_)
            | RowWrite::Webhook(_)
            | RowWrite::ShopDetails(_) => Err(Alone),
        }
    }

    fn user(&mut self, change: &Change<User>) -> Merged {
        if let Change::Insert(user) | Change::Update(user) = change {
            self.take(key_touch(Unique::UserEmail, &user.email_key))?;
            if let Some(username) = &user.username_key {
                self.take(key_touch(Unique::UserUsername, username))?;
            }
        }
        self.change(change, Part::InsertUsers, Some((Part::OwnUsers, Part::UpdateUsers)))
    }

    fn product(&mut self, change: &Change<Product>) -> Merged {
        if let Change::Insert(product) | Change::Update(product) = change {
            self.take(key_touch(Unique::ProductSlug, &product.slug))?;
            for variant in &product.variants {
                self.take(key_touch(Unique::OtherId, variant.id))?;
                self.take(key_touch(Unique::VariantSku, &variant.sku))?;
            }
            let is_new = matches!(change, Change::Insert(_));
            let part = if is_new { Part::InsertVariants } else { Part::PutVariants };
            children_of(product).for_each(|row| self.line(part, row));
        }
        self.change(change, Part::InsertProducts, Some((Part::OwnProducts, Part::UpdateProducts)))
    }

    fn payment(&mut self, change: &Change<Payment>) -> Merged {
        if let Change::Insert(payment) | Change::Update(payment) = change {
            if payment.state.is_live() {
                self.take(key_touch(Unique::LivePayment, payment.order_id))?;
            }
            for refund in &payment.refunds {
                self.take(key_touch(Unique::OtherId, refund.id))?;
            }
            children_of(payment).for_each(|row| self.line(Part::PutRefunds, row));
        }
        self.change(change, Part::InsertPayments, Some((Part::OwnPayments, Part::UpdatePayments)))
    }

    fn accounts(&mut self, write: &AccountsWrite) -> Merged {
        match write {
            AccountsWrite::PutOtp(otp) => {
                self.take(touch((2_u8, otp.user_id)))?;
                self.line(Part::OwnOtps, ids(&[otp.user_id.0]));
                self.line(Part::PutOtps, row_of(otp));
                Ok(())
            }
            AccountsWrite::SpendOtpTry { .. }
            | AccountsWrite::UseOtp { .. }
            | AccountsWrite::ForgetOtp { .. }
            | AccountsWrite::CountDaily { .. } => Err(Alone),
        }
    }

    fn inventory(&mut self, write: &InventoryWrite) -> Merged {
        match write {
            InventoryWrite::InsertLevel(level) => {
                self.take(level_touch(level.variant_id.0, level.location_id.0))?;
                self.line(Part::ShareLocations, ids(&[level.location_id.0]));
                self.line(Part::InsertLevels, row_of(level));
                Ok(())
            }
            InventoryWrite::Delta(delta) => {
                self.goes(direction(delta).ok_or(Alone)?)?;
                self.levels.entry((delta.variant_id.0, delta.location_id.0)).or_default().add(Sum::of(delta));
                Ok(())
            }
            InventoryWrite::Movement(movement) => {
                self.take(key_touch(Unique::OtherId, movement.id))?;
                self.line(Part::InsertMovements, row_of(movement));
                Ok(())
            }
            InventoryWrite::Settings(_) => Err(Alone),
        }
    }

    fn outbox(&mut self, write: &OutboxWrite) -> Merged {
        match write {
            OutboxWrite::Event(event) => {
                self.take(row_touch(Entity::Event, event.id.0))?;
                self.line(Part::InsertEvents, row_of(event));
                Ok(())
            }
            OutboxWrite::Relayed(event) => {
                self.take(row_touch(Entity::Event, event.0))?;
                self.line(Part::OwnEvents, ids(&[event.0]));
                self.line(Part::RelayEvents, ids(&[event.0]));
                Ok(())
            }
        }
    }
}

/// What the batches of a group touch.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    writes: HashSet<u64>,
    reads: HashSet<u64>,
    levels: HashSet<(Uuid, Uuid)>,
}

impl Touched {
    /// True if the batch can join the group.
    pub(crate) fn has_room_for(&self, batch: &Mergeable) -> bool {
        let level = |level: &(Uuid, Uuid)| level_touch(level.0, level.1);
        let written = |touched: &u64| self.writes.contains(touched);
        !batch.writes.keys().any(|touched| self.writes.contains(touched) || self.reads.contains(touched))
            && !batch.reads.iter().any(written)
            && !batch.levels.keys().map(level).any(|touched| written(&touched))
            && !self.levels.iter().map(level).any(|touched| batch.writes.contains_key(&touched))
    }

    /// Adds a batch to the group.
    pub(crate) fn add(&mut self, batch: &Mergeable) {
        self.writes.extend(batch.writes.keys());
        self.reads.extend(&batch.reads);
        self.levels.extend(batch.levels.keys());
    }
}

/// A row of a group, and the batches it belongs to.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// The row to write or lock.
    pub(crate) row: Cow<'a, Row>,
    /// The batches, by number in the group.
    pub(crate) batches: Vec<usize>,
}

/// The rows of several batches, part by part, sorted by key.
pub(crate) fn merge<'a>(batches: &[&'a Mergeable]) -> BTreeMap<Part, Vec<Line<'a>>> {
    let mut parts: BTreeMap<Part, Vec<Line<'a>>> = BTreeMap::new();
    let mut levels: BTreeMap<(Uuid, Uuid), (Sum, Vec<usize>)> = BTreeMap::new();
    let mut uses: BTreeMap<&(Uuid, String), (UsesSum, Vec<usize>)> = BTreeMap::new();
    for (number, batch) in batches.iter().enumerate() {
        for (part, row) in &batch.lines {
            let line = Line { row: Cow::Borrowed(row), batches: vec![number] };
            parts.entry(*part).or_default().push(line);
        }
        for (level, sum) in &batch.levels {
            let (total, takers) = levels.entry(*level).or_default();
            total.add(*sum);
            takers.push(number);
        }
        for (count, sum) in &batch.uses {
            let (total, takers) = uses.entry(count).or_default();
            total.add(*sum);
            takers.push(number);
        }
    }
    for ((variant, location), (sum, batches)) in levels {
        let own = Line { row: Cow::Owned(ids(&[variant, location])), batches: batches.clone() };
        parts.entry(Part::OwnLevels).or_default().push(own);
        let change = Line { row: Cow::Owned(sum.row(variant, location)), batches };
        parts.entry(Part::ChangeLevels).or_default().push(change);
    }
    for ((promotion, customer), (sum, batches)) in uses {
        let count = Line { row: Cow::Owned(sum.row(*promotion, customer)), batches };
        parts.entry(Part::CountUses).or_default().push(count);
    }
    for (part, lines) in &mut parts {
        lines.sort_by(|left, right| left.row.cmp(&right.row));
        if part.is_shared() {
            lines.dedup_by(|next, kept| {
                let same = next.row == kept.row;
                if same {
                    kept.batches.append(&mut next.batches);
                }
                same
            });
        }
    }
    parts
}

#[cfg(test)]
mod tests;
